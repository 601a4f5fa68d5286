from __future__ import annotations

import argparse
import os
import pty
import re
import select
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Final

import pytest

from sidecar import cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHELLS: Final = ("bash", "zsh", "fish")
PATIENCE: Final = 20.0


def needs(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    needs(request.param)
    name: str = request.param
    return name


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert cli.main(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with a configuration in it, and the scripts of all shells."""
    (tmp_path / "sidecar.toml").touch()
    for shell in SHELLS:
        (tmp_path / f"script.{shell}").write_text(script(shell, capsys), encoding="utf-8")
    return tmp_path


# ── asking a real shell ─────────────────────────────────────────────────────────────────────────────────────────

_BASH: Final = """
source script.bash
read -ra COMP_WORDS <<< "$1"
[[ $1 == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_LINE=$1 COMP_POINT=${#1}
"$(complete -p finhub-sidecar | sed 's/.*-F \\([^ ]*\\) .*/\\1/')" finhub-sidecar
printf '%s\\n' "${COMPREPLY[@]}"
"""


def offered(shell: str, folder: Path, line: str, among: set[str]) -> set[str]:
    """Return the words that a shell offers at the end of `line`; `among` should be some of them."""
    if shell == "zsh":
        return offered_by_zsh(folder, line, among)
    command = ["bash", "--norc", "-c", _BASH, "bash", line]
    if shell == "fish":
        command = ["fish", "--no-config", "-c", "source script.fish; complete -C $argv[1]", line]
    done = subprocess.run(
        command, cwd=folder, env=environ(folder), capture_output=True, text=True, timeout=60, check=True
    )
    return {one.partition("\t")[0].strip() for one in done.stdout.splitlines()}


def environ(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb", "LC_ALL": "C", "ZDOTDIR": str(folder)}


def offered_by_zsh(folder: Path, line: str, among: set[str]) -> set[str]:
    """Return what zsh shows for the tabulator key behind `line`, once `among` is there or will not come."""
    (folder / "functions").mkdir()
    (folder / "script.zsh").rename(folder / "functions" / "_finhub-sidecar")
    ours, its = pty.openpty()
    command = ["setsid", "--ctty", "zsh", "-f", "-i"]
    process = subprocess.Popen(command, cwd=folder, env=environ(folder), stdin=its, stdout=its, stderr=its)
    try:
        os.write(ours, b"fpath=($PWD/functions $fpath); autoload -Uz compinit; compinit -D -u; stty cols 400\n")
        os.write(ours, b"echo be''gin\n")
        shown_after(ours, {"begin"}, PATIENCE)
        words, end = set[str](), time.monotonic() + PATIENCE
        while not among <= words and time.monotonic() < end:  # typed while it is busy, the key is no question
            os.write(ours, b"\x15" + line.encode() + b"\t\t")  # Ctrl-U takes away what stands there
            words |= shown_after(ours, among, 2.0)
        return words
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(its)


def shown_after(terminal: int, among: set[str], seconds: float) -> set[str]:
    """Return the words that are shown, when `among` are, or after so many seconds."""
    end, text = time.monotonic() + seconds, ""
    while not among <= (words := set(re.split(r"[\s\x00-\x1f]+", text))) and time.monotonic() < end:
        ready, _, _ = select.select([terminal], [], [], 0.1)
        if ready:
            text += os.read(terminal, 65536).decode(errors="replace")
    return words


@pytest.mark.parametrize(
    ("line", "among"),
    [
        ("finhub-sidecar st", {"status"}),
        ("finhub-sidecar c", {"check", "config", "completion"}),
        ("finhub-sidecar config ", {"init", "show", "schema"}),
        ("finhub-sidecar check --", {"--config", "--offline", "--help"}),
        ("finhub-sidecar config init --environment p", {"playground", "production"}),
        ("finhub-sidecar completion ", set(SHELLS)),
        ("finhub-sidecar run --config sid", {"sidecar.toml"}),
    ],
)
def test_a_real_shell_completes_commands_options_choices_and_files(
    shell: str, folder: Path, line: str, among: set[str]
) -> None:
    assert among <= offered(shell, folder, line, among)


@pytest.mark.parametrize(
    ("line", "right", "wrong"),
    [("finhub-sidecar st", "status", "check"), ("finhub-sidecar check --", "--offline", "--watch")],
)
def test_what_does_not_fit_is_not_offered(shell: str, folder: Path, line: str, right: str, wrong: str) -> None:
    words = offered(shell, folder, line, {right})
    assert (right in words, wrong in words) == (True, False)


# ── the whole command line ──────────────────────────────────────────────────────────────────────────────────────


def words(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield every command and every long option."""
    for action in parser._actions:  # noqa: SLF001  # argparse shows them nowhere else
        if action.help != argparse.SUPPRESS:
            yield from (option for option in action.option_strings if option.startswith("--"))
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  # as above
            for name, below in action.choices.items():
                yield name
                yield from words(below)


@pytest.mark.parametrize("which", SHELLS)
def test_no_command_and_no_option_is_left_out(which: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = script(which, capsys)
    known = set(words(cli.whole_parser()))
    assert {"status", "verify", "--config", "--watch"} <= known
    spelled = (word.removeprefix("--") for word in known) if which == "fish" else known
    assert [word for word in spelled if word not in text] == []


def test_another_shell_is_named_as_one_that_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["completion", "tcsh"])
    assert ended.value.code == 2
    assert "bash" in capsys.readouterr().err


def test_help_says_where_each_script_goes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["completion", "--help"])
    told = capsys.readouterr().out
    assert all(f"finhub-sidecar completion {shell} > " in told for shell in SHELLS)
