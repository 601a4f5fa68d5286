"""A process ends with its block, and runs on one core meanwhile."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from bench import machine, process
from bench.errors import BenchError

if TYPE_CHECKING:
    from pathlib import Path

TELL = "import os; print(os.sched_getaffinity(0), sorted(os.environ), flush=True)"
CORE = min(os.sched_getaffinity(0))


def test_a_process_runs_on_its_core_and_sees_no_configuration_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINHUB_ENVIRONMENT", "playground")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    with process.running((sys.executable, "-c", TELL), tmp_path, CORE, {"GIVEN": "x"}) as started:
        assert started.wait(20) == 0
    told = (tmp_path / "stdout").read_text()
    assert told.startswith(f"{{{CORE}}}")
    assert "GIVEN" in told
    assert "FINHUB" not in told
    assert "proxy" not in told


def test_a_process_ends_with_the_block(tmp_path: Path) -> None:
    with process.running(("sleep", "600"), tmp_path, CORE) as started:
        assert started.poll() is None
    assert started.returncode == -15


def test_one_that_does_not_end_when_asked_is_made_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_ENDS_WITHIN", 0.05)
    deaf = "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()"
    with process.running((sys.executable, "-c", deaf), tmp_path, CORE) as started:
        while not (tmp_path / "stdout").read_bytes():
            assert started.poll() is None
    assert started.returncode == -9


def test_the_core_is_given_back() -> None:
    before = os.sched_getaffinity(0)
    with machine.on_core(CORE):
        assert os.sched_getaffinity(0) == {CORE}
    assert os.sched_getaffinity(0) == before


def test_one_core_is_refused_with_the_remedy() -> None:
    with machine.on_core(CORE), pytest.raises(BenchError, match=r"two cores are needed.*larger machine"):
        machine.cores()


def test_what_is_not_installed_is_named_with_its_package() -> None:
    with pytest.raises(BenchError, match=r"no-such-program is not installed \(Debian: its-package\)"):
        machine.needed("no-such-program", "its-package")
