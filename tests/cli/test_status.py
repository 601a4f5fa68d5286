"""`status`, over sidecars in the states that matter: the real program on both sides."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from calling import BALANCE, PATIENCE, get, until
from staging import CODE, SidecarProcess, Stage, staged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as stage:
        yield stage


def admin_of(sidecar: SidecarProcess) -> str:
    return sidecar.admin.removeprefix("http://")


def status(stage: Stage, sidecar: SidecarProcess, *more: str) -> tuple[int, str]:
    """Return the exit code and what was printed."""
    done = stage.start(["status", "--admin", admin_of(sidecar), *more])
    code = done.process.wait(PATIENCE)
    assert done.stderr == ""
    return code, done.stdout


def test_a_sidecar_that_is_well_is_0_and_told_with_its_session(stage: Stage) -> None:
    sidecar = stage.run()
    until(lambda: get(f"{sidecar.admin}/readyz").status == 200, "it has logged in")
    assert get(f"{sidecar.url}{BALANCE}").status == 200
    code, told = status(stage, sidecar)
    lines = told.splitlines()
    assert code == 0
    assert lines[0].startswith("FinHub sidecar ")
    assert lines[0].endswith(f"  production  {sidecar.listen}")
    assert "All is well: ready" in lines[1]
    assert any(line.startswith("Session      FRESH: ") for line in lines)
    assert any(re.match(r"Certificate  \d+ days left, until ", line) for line in lines)
    assert "Requests     1 in all, 0 in flight, 0 replayed, 0 refused" in lines
    assert "\x1b" not in told


def test_rejected_credentials_are_4_with_whose_fault_and_what_to_do(stage: Stage) -> None:
    (stage.finhub.folder / "password").write_text("wrong-horse")
    sidecar = stage.run()
    until(lambda: bool(sidecar.lines("session could not be minted")), "the login was rejected")
    code, told = status(stage, sidecar)
    assert code == 4
    assert "Not working: no valid FinHub session (BLOCKED)" in told
    assert "  Whose fault: " in told
    assert "  What to do: " in told
    assert "credentials.username" in " ".join(told.split())
    assert stage.finhub.counts.login_attempts == 1


def test_a_FinHub_that_does_not_answer_is_5(stage: Stage) -> None:  # noqa: N802  # its name
    stage.finhub.fault("login:close")
    sidecar = stage.run()
    until(lambda: bool(sidecar.lines("session could not be minted")), "the login has failed")
    assert status(stage, sidecar, "--json")[0] == 5


def test_as_json_it_is_what_the_listener_answers(stage: Stage) -> None:
    sidecar = stage.run()
    until(lambda: get(f"{sidecar.admin}/readyz").status == 200, "it has logged in")
    code, told = status(stage, sidecar, "--json")
    assert code == 0
    assert json.loads(told) == json.loads(get(f"{sidecar.admin}/status").body)


def test_where_no_sidecar_answers_it_is_5_with_the_remedy(stage: Stage) -> None:
    done = stage.start(["status", "--admin", f"unix:{stage.finhub.folder}/no"])
    assert done.process.wait(PATIENCE) == 5
    assert done.stdout == ""
    assert "No sidecar answers" in done.stderr
    assert "Start the sidecar, or name its admin address" in done.stderr


# ── somebody watches ────────────────────────────────────────────────────────────────────────────────────────────


def test_watched_without_a_terminal_it_is_told_block_by_block_and_over_when_somebody_is_tired(stage: Stage) -> None:
    sidecar = stage.run()
    watching = stage.start(["status", "--watch", "--admin", admin_of(sidecar)])
    until(lambda: watching.stdout.count("FinHub sidecar ") == 2, "it was told twice")
    sidecar.end()
    until(lambda: "No sidecar answers" in watching.stdout, "it goes on after the sidecar has ended")
    assert watching.end(signal.SIGINT) == 0
    assert "\x1b" not in watching.stdout
    assert watching.stderr == ""


def test_watched_on_a_terminal_it_is_painted_over_itself_in_its_width_and_in_colours(stage: Stage) -> None:
    sidecar = stage.run()
    until(lambda: get(f"{sidecar.admin}/readyz").status == 200, "it has logged in")
    screen = watched(["status", "--watch", "--admin", admin_of(sidecar)], painted=2)
    first, second = screen.split("\x1b[H\x1b[2J")[1:3]
    for painted in (first, second):
        assert "\x1b[32mAll is well\x1b[0m" in painted
        assert max(len(line) for line in painted.splitlines() if "\x1b" not in line) <= 60


def test_a_terminal_that_wants_no_colours_and_knows_few_signs_gets_neither(stage: Stage) -> None:
    sidecar = stage.run()
    until(lambda: get(f"{sidecar.admin}/readyz").status == 200, "it has logged in")
    screen = watched(["status", "--admin", admin_of(sidecar)], NO_COLOR="1", PYTHONIOENCODING="ascii")
    assert "+ All is well: ready" in screen
    assert "\x1b" not in screen
    assert "\\u" not in screen


def watched(arguments: list[str], *, painted: int = 0, **environ: str) -> str:
    """Return what a terminal of 60 columns got, until it was painted so often or the command has ended; Ctrl-C is 0."""
    main, other = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": CODE, "COLUMNS": "60", "TERM": "xterm", **environ}
    command = [sys.executable, "-m", "sidecar", *arguments]
    process = subprocess.Popen(command, stdin=other, stdout=other, stderr=other, env=environment)
    os.close(other)
    try:
        screen = _read(main, painted)
        if painted:
            process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        os.close(main)
    return screen.replace("\r\n", "\n")


def _read(main: int, painted: int) -> str:
    seen, end = b"", time.monotonic() + PATIENCE
    while time.monotonic() < end and (not painted or seen.count(b"\x1b[2J") <= painted):
        if select.select([main], [], [], 0.1)[0]:
            try:
                seen += os.read(main, 65536)
            except OSError:  # the other side has gone
                break
    return seen.decode()
