from __future__ import annotations

import argparse
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from sidecar import __version__, cli, errors
from sidecar.redact import Secret

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = ("demo", "run", "emulator", "check", "config", "status", "wait", "quit", "exec")


def program(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sidecar", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **more)


def raising(error: BaseException, **more: Any) -> argparse.Namespace:
    def run(_: argparse.Namespace) -> NoReturn:
        raise error

    return argparse.Namespace(run=run, **more)


def test_help_names_every_command_and_does_not_wait_for_what_only_they_need() -> None:
    done = program("--help", env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 0
    assert all(f"\n    {name} " in done.stdout for name in COMMANDS)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "sidecar.cli" in imported
    assert imported.isdisjoint({"asyncio", "pydantic", *(f"sidecar.cli.{name}" for name in COMMANDS)})


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_tells_what_it_takes(command: str) -> None:
    done = program(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: finhub-sidecar {command} [-h]")


def test_the_version_is_told() -> None:
    assert program("--version").stdout == f"finhub-sidecar {__version__}\n"


@pytest.mark.parametrize("arguments", [(), ("fly",), ("run", "--fly"), ("run", "--config"), ("check", "one", "two")])
def test_a_wrong_command_line_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    done = program(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: finhub-sidecar")


def test_without_a_file_it_says_how_one_is_named() -> None:
    done = program("check")
    assert done.returncode == 2
    assert "→ Name a file with --config, or set the variables; `finhub-sidecar config init" in done.stdout


def test_what_went_wrong_is_told_line_by_line_with_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    error = errors.ConfigError("a: found x\nb: found y", remedy="Correct both.")
    assert cli.outcome(raising(error)) == 2
    assert capsys.readouterr() == (
        "",
        "finhub-sidecar: The configuration cannot be used\n  a: found x\n  b: found y\n  → Correct both.\n",
    )


def test_neither_a_secret_nor_a_terminal_sequence_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    secret = Secret("correct-horse")
    cli.tell(errors.ConfigError("found correct-horse \x1b[2J\r", remedy="Not correct-horse\x07."))
    told = capsys.readouterr().err
    assert secret
    assert "found [redacted] \\x1b[2J\\r\n" in told
    assert "Not [redacted]\\x07." in told


@pytest.mark.parametrize(
    ("more", "code"), [({"interrupted": 0}, 0), ({}, 1)], ids=["stays up until told to end", "has an end of its own"]
)
def test_an_interrupted_command_is_done_only_if_it_would_never_have_been(more: dict[str, int], code: int) -> None:
    assert cli.outcome(raising(KeyboardInterrupt(), **more)) == code


def test_a_bug_is_told_by_kind_and_place_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.outcome(raising(ValueError("Bearer of-a-secret"))) == 1
    told = capsys.readouterr().err
    assert "unexpected ValueError" in told
    assert "run (test_cli.py:" in told
    assert "of-a-secret" not in told


def test_a_reader_that_has_seen_enough_gets_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "sidecar", "config", "schema"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_reader_that_has_gone_does_not_change_what_a_command_says_at_its_end(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "sidecar", "config", "init", "--output", str(tmp_path / "sidecar.toml")]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False, timeout=60, env=environ)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_terminal_without_a_check_mark_gets_it_spelt_out() -> None:
    done = program("check", "--offline", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2
    assert done.stdout.startswith("\\u2717 configuration: ")


def test_the_code_is_returned_and_not_raised(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config", "init", "--output", "/nowhere/at/all.toml"]) == 2
    assert "cannot be written" in capsys.readouterr().err
