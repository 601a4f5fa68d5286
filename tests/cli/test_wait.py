from __future__ import annotations

import argparse
import shutil
import time
from typing import TYPE_CHECKING

import pytest
from calling import PATIENCE, until
from staging import Stage, staged

from sidecar.cli.wait import seconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from staging import SidecarProcess


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as stage:
        yield stage


def waiting(stage: Stage, address: str, *more: str) -> SidecarProcess:
    return stage.start(["wait", "--ready", "--admin", address, *more])


def test_it_waits_for_a_sidecar_that_is_started_later_and_its_login(stage: Stage) -> None:
    stage.finhub.fault("login:delay=1")
    address = f"unix:{stage.finhub.folder}/admin"
    done = waiting(stage, address, "--timeout", "25")
    time.sleep(0.5)
    assert done.process.poll() is None
    sidecar = stage.run(ADMIN__ADDRESS=address)
    assert not sidecar.lines("session minted")
    assert done.process.wait(PATIENCE) == 0
    assert sidecar.lines("session minted")
    assert (done.stdout, done.stderr) == ("ready\n", "")


def test_rejected_credentials_are_4_at_once(stage: Stage) -> None:
    (stage.finhub.folder / "password").write_text("wrong-horse")
    sidecar = stage.run()
    began = time.monotonic()
    done = waiting(stage, sidecar.admin.removeprefix("http://"), "--timeout", "25")
    assert done.process.wait(PATIENCE) == 4
    assert time.monotonic() - began < 20
    assert "no valid FinHub session (BLOCKED): FinHub answered 401 to the login" in done.stderr
    assert "→ Verify credentials.username" in done.stderr


def test_a_FinHub_that_does_not_answer_is_5_when_the_time_is_up(stage: Stage) -> None:  # noqa: N802  # its name
    stage.finhub.fault("login:close")
    sidecar = stage.run()
    until(lambda: bool(sidecar.lines("session could not be minted")), "the login has failed")
    began = time.monotonic()
    done = waiting(stage, sidecar.admin.removeprefix("http://"), "--timeout", "1.5")
    assert done.process.wait(PATIENCE) == 5
    assert time.monotonic() - began > 1.5
    assert "FinHub has not granted a session" in done.stderr


def test_where_nobody_ever_listens_it_is_5_when_the_time_is_up(stage: Stage) -> None:
    done = waiting(stage, f"unix:{stage.finhub.folder}/no", "--timeout", "0")
    assert done.process.wait(PATIENCE) == 5
    assert "No sidecar answers" in done.stderr


def test_one_that_goes_down_is_not_ready_and_that_is_1(stage: Stage) -> None:
    stage.finhub.fault("api:delay=30")
    sidecar = stage.run(DRAIN__MIN="25")
    until(lambda: bool(sidecar.lines("session minted")), "it has logged in")
    sidecar.process.terminate()
    until(lambda: bool(sidecar.lines("draining")), "it goes down")
    done = waiting(stage, sidecar.admin.removeprefix("http://"), "--timeout", "0")
    assert done.process.wait(PATIENCE) == 1
    assert "The sidecar is not ready\n  draining\n" in done.stderr
    sidecar.process.terminate()


def test_the_program_is_found_by_its_configuration_without_any_secret(stage: Stage) -> None:
    sidecar = stage.run()
    folder = stage.finhub.folder / "copy"
    folder.mkdir()
    shutil.copy(stage.finhub.config, folder)
    done = stage.start(
        ["wait", "--config", str(folder / "sidecar.toml")], ADMIN__ADDRESS=sidecar.admin.removeprefix("http://")
    )
    assert done.process.wait(PATIENCE) == 0


@pytest.mark.parametrize("text", ["soon", "-1", "inf", "nan", ""])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        seconds(text)


def test_a_time_is_seconds() -> None:
    assert [seconds(text) for text in ("0", "1.5", "60")] == [0, 1.5, 60]
