from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import house
import keyring
import pytest
import ring

from sidecar.cli import main
from sidecar.config.load import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv(ring.WHERE, str(tmp_path / "ring"))
    before = keyring.get_keyring()
    keyring.set_keyring(ring.FileRing())
    yield tmp_path / "ring"
    keyring.set_keyring(before)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "sidecar.toml"
    path.write_text(
        'environment = "integration"\n[upstream]\nurl = "https://finhub.example"\n'
        '[credentials]\ntenant_id = "1"\npassword = { keyring = "shop/me" }\n'
    )
    return path


def give(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_a_secret_from_stdin_is_stored_and_the_line_to_write_is_told(
    entries: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, "hünter22\n".encode())
    assert main(["login"]) == 0
    assert json.loads(entries.read_text()) == {"finhub-sidecar/credentials.password": "hünter22"}
    told = capsys.readouterr()
    assert told.out.endswith('[credentials]\npassword = { keyring = "finhub-sidecar/credentials.password" }\n')
    assert "nter22" not in told.out + told.err


def test_it_goes_where_the_configuration_looks(
    entries: Path, config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, b"hunter22")
    assert main(["login", "--config", str(config)]) == 0
    assert json.loads(entries.read_text()) == {"shop/me": "hunter22"}
    assert f"{config} refers to it already" in capsys.readouterr().out


def test_another_secret_may_go_to_another_entry(
    entries: Path, config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, b"hunter22")
    assert main(["login", "listen.caller_key", "--config", str(config), "--keyring", "a/b/c"]) == 0
    assert json.loads(entries.read_text()) == {"a/b/c": "hunter22"}
    told = capsys.readouterr().out
    assert told.endswith('[listen]\ncaller_key = { keyring = "a/b/c" }\n')
    lines = told[told.index("[listen]") :]
    config.write_text(f"{config.read_text()}{lines}")
    assert load(config, {}).listen.caller_key is not None


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["listen.address"], 2, "KEY names no secret"),
        (["--keyring", "hunter2"], 2, "SERVICE/USER"),
        (["--keyring", "locked/me"], 3, "KeyringLocked"),
    ],
)
def test_what_cannot_be_stored_is_told(  # noqa: PLR0917  # three of a table's row
    words: list[str],
    code: int,
    why: str,
    entries: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    give(monkeypatch, b"hunter2")
    assert main(["login", *words]) == code
    told = capsys.readouterr().err
    assert why in told
    assert "hunter2" not in told
    assert not entries.exists()


@pytest.mark.parametrize("content", [b"", b"\n", b"hunter2\0", b"x" * 70000])
def test_what_is_no_secret_is_not_stored(
    content: bytes, entries: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, content)
    assert main(["login"]) == 3
    assert "stdin" in capsys.readouterr().err
    assert not entries.exists()


def test_on_a_terminal_it_is_asked_for_without_echo_and_then_found_by_the_sidecar(tmp_path: Path, config: Path) -> None:
    environ = {
        **os.environ,
        ring.WHERE: str(tmp_path / "ring"),
        "PYTHON_KEYRING_BACKEND": "ring.FileRing",
        "PYTHONPATH": f"{house.ROOT}:{house.ROOT}/tests/support",
    }
    program = [sys.executable, "-m", "sidecar"]
    code, shown = _typed(b"hunter22\n", b"refers to it already.", config, environ)
    assert code == 0
    assert b"hunter22" not in shown
    assert json.loads((tmp_path / "ring").read_text()) == {"shop/me": "hunter22"}
    checked = subprocess.run(
        [*program, "check", "--offline", "--config", str(config)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert re.search(r"✓ secrets: .*credentials\.password", checked.stdout)


def test_who_answers_nothing_is_told_so_and_nothing_is_stored(tmp_path: Path, config: Path) -> None:
    environ = {**os.environ, ring.WHERE: str(tmp_path / "ring"), "PYTHON_KEYRING_BACKEND": "ring.FileRing"}
    environ["PYTHONPATH"] = f"{house.ROOT}:{house.ROOT}/tests/support"
    code, shown = _typed(b"\x04", b"Put the secret", config, environ)  # Ctrl-D
    assert code == 3
    assert b"the answer is empty" in shown
    assert not (tmp_path / "ring").exists()


def test_without_a_stdin_there_is_nothing_to_store(
    entries: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["login"]) == 3
    assert "stdin is empty" in capsys.readouterr().err
    assert not entries.exists()


def _typed(answer: bytes, last: bytes, config: Path, environ: dict[str, str]) -> tuple[int, bytes]:
    """Answer `login` on a terminal; return its exit code, and what was shown up to `last`."""
    terminal, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "sidecar", "login", "--config", str(config)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environ,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = _until(terminal, b"not shown): ")
        time.sleep(0.3)  # getpass turns the echo off after it has asked
        os.write(terminal, answer)
        shown += _until(terminal, last)
        code = process.wait(20)
    os.close(terminal)
    return code, shown


def _until(terminal: int, mark: bytes) -> bytes:
    found = b""
    while mark not in found:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:  # Linux says so when nobody has the other end any more
            chunk = b""
        assert chunk, found
        found += chunk
    return found
