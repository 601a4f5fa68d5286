from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from sidecar.config.refs import CommandRef
from sidecar.errors import SecretError
from sidecar.secret.command import Cache
from sidecar.secret.text import LONGEST

ENVIRON = {"PATH": os.environ["PATH"]}


def shell(script: str, timeout: float = 10.0, cache: float = 0.0) -> CommandRef:
    return CommandRef(("/bin/sh", "-c", script), timeout, cache)


def read(script: str, timeout: float = 10.0, **environ: str) -> str:
    return Cache().read(shell(script, timeout), {**ENVIRON, **environ}).reveal()


def refusal(script: str, timeout: float = 10.0, **environ: str) -> str:
    with pytest.raises(SecretError) as caught:
        read(script, timeout, **environ)
    assert caught.value.remedy
    return caught.value.detail


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def counted(runs: Path, cache: float, text: str = "s3cret-text") -> CommandRef:
    return shell(f"echo x >> {runs}; echo {text}", cache=cache)


# ── what is read ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("written", "text"), [("s", "s"), (r"s\n", "s"), (r"s\r\n", "s"), (r"s\n\n", "s\n")])
def test_what_a_command_writes_is_the_secret_less_one_newline(written: str, text: str) -> None:
    assert read(f"printf '{written}'") == text


def test_the_longest_secret_is_read_whole() -> None:
    ref = CommandRef((sys.executable, "-c", f"print('x' * {LONGEST})"), cache=0)
    assert len(Cache().read(ref, ENVIRON).reveal()) == LONGEST


def test_no_shell_reads_the_words() -> None:
    assert Cache().read(CommandRef(("echo", "$HOME;", "`id`"), cache=0), ENVIRON).reveal() == "$HOME; `id`"


def test_complaints_of_a_command_that_does_its_work_are_no_part_of_it() -> None:
    assert read("echo warning >&2; echo s3cret") == "s3cret"


def test_nothing_of_ours_is_in_its_environment() -> None:
    seen = read("env | cut -d= -f1 | sort", FINHUB_CREDENTIALS__PASSWORD="hunter2", VAULT_ADDR="x").split()
    assert "VAULT_ADDR" in seen
    assert not [name for name in seen if name.startswith("FINHUB_")]


def test_it_cannot_ask_on_our_terminal_and_has_a_session_of_its_own() -> None:
    assert read("cat; ps -o sid= -p $$ | tr -d ' '") != str(os.getsid(0))


# ── what is refused ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_program_that_is_not_there_is_named_with_what_to_do() -> None:
    with pytest.raises(SecretError, match="the command no-such-program cannot be started: No such file") as caught:
        Cache().read(CommandRef(("/usr/no-such-program", "hunter2")), ENVIRON)
    assert "hunter2" not in caught.value.detail
    assert "PATH" in caught.value.remedy


def test_a_word_that_cannot_be_passed_on_is_told() -> None:
    with pytest.raises(SecretError, match="cannot be passed on"):
        Cache().read(CommandRef(("echo", "a\0b")), ENVIRON)


def test_a_failure_is_told_with_its_status_and_its_first_line() -> None:
    assert refusal("echo; echo 'permission denied' >&2; echo more >&2; exit 7") == (
        "the command sh failed: exit status 7: permission denied"
    )
    assert refusal("exit 3") == "the command sh failed: exit status 3"
    assert refusal("kill -TERM $$") == "the command sh failed: signal 15"


def test_a_failure_shows_neither_what_was_written_nor_a_secret_of_its_environment() -> None:
    told = refusal("echo hunter2; echo bad hunter2 $VAULT_TOKEN >&2; exit 1", VAULT_TOKEN="s.0123456789")
    assert told == "the command sh failed: exit status 1: bad [redacted] [redacted]"


def test_a_complaint_is_cut_and_cannot_move_the_cursor() -> None:
    told = refusal(r"printf '\033[2J%0300d' 0 >&2; exit 1")
    assert "\033" not in told
    assert len(told) < 300


@pytest.mark.parametrize(
    ("script", "why"),
    [(":", "is empty"), (r"printf 'a\0b'", "NUL"), (r"printf 'a\377'", "not UTF-8"), ("yes", "more than 64 KiB")],
)
def test_what_is_no_secret_is_refused(script: str, why: str) -> None:
    assert why in refusal(script)


@pytest.mark.parametrize("script", ["sleep 60", "exec >&- 2>&-; sleep 60", "sleep 60 & wait", "sleep 60 &"])
def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started(script: str, tmp_path: Path) -> None:
    begin = time.monotonic()
    told = refusal(f"echo $$ > {tmp_path}/pid; {script}", timeout=0.5)
    assert told == "the command sh took more than 0.5 s, and was ended"
    assert time.monotonic() - begin < 10
    group = int((tmp_path / "pid").read_text())
    while group in _groups():  # the kernel ends them one by one
        assert time.monotonic() - begin < 10
        time.sleep(0.01)


def _groups() -> list[int]:
    """Return the process group of each process that lives (a killed one may wait for its new parent)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, group, *_ = stat.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if state not in {"Z", "X"}:
            found.append(int(group))
    return found


# ── the cache ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_within_its_time_a_command_is_not_run_again(runs: Path) -> None:
    now = [100.0]
    cache = Cache(lambda: now[0])
    for at in (100.0, 159.9):
        now[0] = at
        assert cache.read(counted(runs, 60), ENVIRON).reveal() == "s3cret-text"
    assert runs.read_text() == "x\n"
    now[0] = 160.0
    cache.read(counted(runs, 60), ENVIRON)
    assert runs.read_text() == "x\n" * 2


def test_without_a_cache_it_is_run_each_time(runs: Path) -> None:
    cache = Cache()
    cache.read(counted(runs, 0), ENVIRON)
    cache.read(counted(runs, 0), ENVIRON)
    assert runs.read_text() == "x\n" * 2


def test_another_command_has_its_own(runs: Path) -> None:
    cache = Cache()
    assert cache.read(counted(runs, 60, "one-secret"), ENVIRON) != cache.read(counted(runs, 60, "two-secret"), ENVIRON)


def test_what_is_forgotten_is_asked_for_again(runs: Path) -> None:
    cache = Cache()
    cache.read(counted(runs, 60), ENVIRON)
    cache.forget()
    cache.read(counted(runs, 60), ENVIRON)
    assert runs.read_text() == "x\n" * 2


def test_a_failure_is_not_kept(runs: Path) -> None:
    cache = Cache()
    ref = shell(f"test -e {runs} && echo s3cret", cache=60)
    with pytest.raises(SecretError):
        cache.read(ref, ENVIRON)
    runs.touch()
    assert cache.read(ref, ENVIRON).reveal() == "s3cret"
