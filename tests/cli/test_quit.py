from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from calling import BALANCE, PATIENCE, get, until
from staging import Stage, staged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from staging import SidecarProcess


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as stage:
        yield stage


def quit_(stage: Stage, sidecar: SidecarProcess, *more: str) -> SidecarProcess:
    return stage.start(["quit", "--admin", sidecar.admin.removeprefix("http://"), *more])


def test_the_sidecar_is_told_and_ends_with_0(stage: Stage) -> None:
    sidecar = stage.run()
    done = quit_(stage, sidecar)
    assert done.process.wait(PATIENCE) == 0
    assert done.stdout.endswith("is going down\n")
    assert sidecar.process.wait(PATIENCE) == 0
    assert [line["why"] for line in sidecar.lines("draining")] == ["/-/quit"]


def test_it_can_wait_for_the_end_of_what_runs(stage: Stage) -> None:
    stage.finhub.fault("api:delay=3")
    sidecar = stage.run()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(get, f"{sidecar.url}{BALANCE}")
        until(lambda: sidecar.status()["requests"]["in_flight"] == 1, "a request runs")
        done = quit_(stage, sidecar, "--wait")
        assert done.process.wait(PATIENCE) == 0
        assert asked.result(timeout=1).status == 200
    assert done.stdout.endswith("has ended\n")
    assert sidecar.process.wait(1) == 0


def test_it_does_not_wait_for_ever(stage: Stage) -> None:
    sidecar = stage.run(DRAIN__MIN="25")
    done = quit_(stage, sidecar, "--wait", "--timeout", "0.5")
    assert done.process.wait(PATIENCE) == 1
    assert "still there after 0.5 s" in done.stderr
    assert sidecar.process.poll() is None
    sidecar.process.send_signal(signal.SIGTERM)
    sidecar.process.send_signal(signal.SIGINT)


def test_where_no_sidecar_is_it_is_5(stage: Stage) -> None:
    done = stage.start(["quit", "--wait", "--admin", f"unix:{stage.finhub.folder}/no"])
    assert done.process.wait(PATIENCE) == 5
    assert "No sidecar answers" in done.stderr
