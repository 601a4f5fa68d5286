"""`exec`, with the real program and real commands."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from calling import BALANCE, PATIENCE, get, post, until
from otherusers import common_folder, ordinary_programs
from staging import ANYWHERE, CODE, Stage, staged
from witness import Witness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from staging import SidecarProcess

CURL = "curl -q -s --noproxy '*'"

ASK = """
import os, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
request = urllib.request.Request(os.environ["FINHUB_BASE_URL"] + "%s", headers=%r)
print(opener.open(request).status)
"""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as stage:
        yield stage


def exec_(stage: Stage, command: list[str], *options: str, **environ: str) -> SidecarProcess:
    return stage.start(["exec", "--config", str(stage.finhub.config), *options, "--", *command], **environ)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def edit(stage: Stage, old: str, new: str) -> None:
    text = stage.finhub.config.read_text()
    assert text.count(old) == 1
    stage.finhub.config.write_text(text.replace(old, new))


# ── the exit status ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["true"], 0),
        (["sh", "-c", "exit 3"], 3),
        (["sh", "-c", "kill -KILL $$"], 137),
        (["sh", "-c", "kill -TERM $$"], 143),
        (["sh", "-c", 'test "$1" = -- && test "$2" = --timeout && exit 7', "sh", "--", "--timeout"], 7),
    ],
)
def test_the_exit_status_is_the_commands(stage: Stage, command: list[str], code: int) -> None:
    process = exec_(stage, command)
    assert process.process.wait(PATIENCE) == code
    assert process.stdout == ""
    assert [line["why"] for line in process.lines("draining")] == ["the command has ended"]


def test_a_command_that_is_not_there_is_127_and_one_that_is_no_program_126(stage: Stage) -> None:
    missing = exec_(stage, ["no-such-program"])
    assert missing.process.wait(PATIENCE) == 127
    assert "finhub-sidecar: 'no-such-program' cannot be started: No such file or directory\n" in missing.stderr
    folder = exec_(stage, [str(stage.finhub.folder)])
    assert folder.process.wait(PATIENCE) == 126
    assert "Permission denied" in folder.stderr


# ── the session ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_command_calls_through_the_sidecar_whose_lines_all_go_to_stderr(stage: Stage) -> None:
    process = exec_(stage, python(ASK % (BALANCE, {})))
    assert process.process.wait(PATIENCE) == 0
    assert process.stdout == "200\n"
    (line,) = process.lines("request")
    assert (line["path"], line["status"], line["attempts"]) == (BALANCE, 200, 1)
    assert stage.finhub.counts.login_attempts == 1


def test_it_is_started_once_there_is_a_session_and_not_before(stage: Stage) -> None:
    stage.finhub.fault("login:status=503,times=2")
    witness = Witness(stage.finhub.folder / "seen")
    process = exec_(stage, witness.command, SESSION__BACKOFF__FIRST="0.5")
    until(lambda: bool(process.lines("session could not be minted")), "the first login has failed")
    assert not witness.is_there
    assert process.process.wait(PATIENCE) == 0
    assert witness.is_there
    assert stage.finhub.counts.logins == 1
    assert stage.finhub.counts.login_attempts == 3


def test_rejected_credentials_are_4_at_once_and_nothing_is_started(stage: Stage) -> None:
    (stage.finhub.folder / "password").write_text("wrong-horse")
    witness = Witness(stage.finhub.folder / "seen")
    process = exec_(stage, witness.command)
    assert process.process.wait(PATIENCE) == 4
    assert not witness.is_there
    assert "finhub-sidecar: FinHub rejected the request\n" in process.stderr
    assert "→ Verify credentials.username" in process.stderr
    assert stage.finhub.counts.login_attempts == 1
    assert [line["why"] for line in process.lines("draining")] == ["the command was not started"]


def test_no_session_within_the_time_is_5_and_nothing_is_started(stage: Stage) -> None:
    stage.finhub.fault("login:close")
    witness = Witness(stage.finhub.folder / "seen")
    process = exec_(stage, witness.command, "--timeout", "1.5", SESSION__BACKOFF__FIRST="0.1")
    assert process.process.wait(PATIENCE) == 5
    assert not witness.is_there
    assert "finhub-sidecar: FinHub has not granted a session\n" in process.stderr
    assert len(process.lines("session could not be minted")) >= 2


def test_a_lazy_session_is_not_waited_for(stage: Stage) -> None:
    process = exec_(stage, ["true"], SESSION__LOGIN="lazy")
    assert process.process.wait(PATIENCE) == 0
    assert stage.finhub.counts.login_attempts == 0


@pytest.mark.parametrize(
    ("settings", "code"),
    [({"SESSION__WAIT": "never"}, 2), ({"IDENTITY__KEY_FILE": "/nowhere"}, 3), ({"LISTEN__ADDRESS": "taken"}, 5)],
)
def test_what_an_operator_got_wrong_has_the_codes_of_run_and_nothing_is_started(
    stage: Stage, settings: dict[str, str], code: int
) -> None:
    witness = Witness(stage.finhub.folder / "seen")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = {key: address if value == "taken" else value for key, value in settings.items()}
        process = exec_(stage, witness.command, **settings)
        assert process.process.wait(PATIENCE) == code
    assert not witness.is_there
    assert code != 5 or f"listen.address {address}: Address already in use" in process.stderr


def test_without_a_command_it_is_a_usage_error(stage: Stage) -> None:
    process = stage.start(["exec", "--config", str(stage.finhub.config), "--"])
    assert process.process.wait(PATIENCE) == 2
    assert "usage: finhub-sidecar exec [-h] [--config FILE] [--timeout SECONDS] -- CMD ..." in process.stderr


# ── what the command has ────────────────────────────────────────────────────────────────────────────────────────


def test_no_secret_is_within_its_reach(stage: Stage) -> None:
    account = stage.finhub.emulator.account
    edit(stage, 'password = { file = "password" }\n', "")
    edit(stage, 'customer_secret = { file = "customer_secret" }', 'customer_secret = { env = "SHOP_SECRET" }')
    secrets = {account.password.reveal(), account.customer_secret.reveal()}
    witness = Witness(stage.finhub.folder / "seen")
    settings = {**ANYWHERE, "FINHUB_CREDENTIALS__PASSWORD": account.password.reveal()}
    settings |= {"SHOP_SECRET": account.customer_secret.reveal(), "FINHUB_FLAVOUR": "the command's own"}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FINHUB_")}
    command = [sys.executable, "-m", "sidecar", "exec", "--config", str(stage.finhub.config), "--", *witness.command]
    reading, writing = os.pipe()
    with ordinary_programs():
        process = subprocess.run(
            command,
            env={**inherited, **settings, "PYTHONPATH": CODE},
            pass_fds=(reading, writing),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    os.close(reading)
    os.close(writing)
    assert (process.returncode, process.stdout) == (0, "")
    saw = witness.saw()
    assert not [secret for secret in secrets if secret in str(saw)]
    url = saw["environ"].pop("FINHUB_BASE_URL")
    assert url.startswith("http://127.0.0.1:")
    assert {name for name in saw["environ"] if "FINHUB" in name or "SHOP" in name} == {"FINHUB_FLAVOUR"}
    assert "FINHUB_BASE_URL" in saw["start_environ"]
    assert saw["descriptors"] == [0, 1, 2]
    assert {saw[name] for name in ("parent_environ", "parent_memory", "parent_files")} == {"Permission denied"}


def test_it_has_the_limits_the_umask_and_the_signals_that_it_was_to_have(stage: Stage) -> None:
    witness = Witness(stage.finhub.folder / "seen")
    line = f"umask 0027; ulimit -Sn 200; trap '' HUP; exec {sys.executable} -m sidecar exec -- " + '"$@"'
    settings = {f"FINHUB_{name}": value for name, value in {"LISTEN__MAX_CONNECTIONS": "300"}.items()}
    done = subprocess.run(
        ["sh", "-c", line.replace("exec --", f"exec --config {stage.finhub.config} --"), "sh", *witness.command],
        env={**os.environ, **ANYWHERE, **settings, "PYTHONPATH": CODE},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0
    saw = witness.saw()
    assert (saw["umask"], saw["files"]) == (0o027, 200)
    assert (saw["blocked"], set(saw["ignored"]) - {"SIGPIPE"}) == (0, {"SIGHUP"})  # Python ignores SIGPIPE for itself


def test_a_pipe_that_nobody_reads_ends_it_as_it_ends_every_program(stage: Stage) -> None:
    assert exec_(stage, ["bash", "-c", "yes | true; exit ${PIPESTATUS[0]}"]).process.wait(PATIENCE) == 141


def test_what_is_piped_in_is_the_commands(stage: Stage) -> None:
    command = [sys.executable, "-m", "sidecar", "exec", "--config", str(stage.finhub.config), "--", "cat"]
    done = subprocess.run(
        command,
        input=b"over to you",
        env={**os.environ, **ANYWHERE, "PYTHONPATH": CODE},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"over to you")


def test_a_unix_socket_is_named_as_a_url_too(stage: Stage) -> None:
    with common_folder() as folder:
        process = exec_(
            stage,
            [
                "sh",
                "-c",
                f'echo "$FINHUB_BASE_URL"; {CURL} --unix-socket {folder}/s -o /dev/null -w "%{{http_code}}" http://x{BALANCE}',
            ],
            LISTEN__ADDRESS=f"unix:{folder}/s",
        )
        assert process.process.wait(PATIENCE) == 0
        assert process.stdout == f"http+unix://{str(folder).replace('/', '%2F')}%2Fs\n200"
        assert list(folder.iterdir()) == []


def test_a_callers_key_is_told_to_the_caller(stage: Stage) -> None:
    edit(stage, "[listen]\n", '[listen]\ncaller_key = { env = "OPEN_SESAME" }\n')
    program = f"""
import os, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({{}}))
key = os.environ["FINHUB_CALLER_KEY"]
request = urllib.request.Request(os.environ["FINHUB_BASE_URL"] + "{BALANCE}", headers={{"X-Sidecar-Key": key}})
print(opener.open(request).status, "OPEN_SESAME" in os.environ)
"""
    with _variable("OPEN_SESAME", "a-key-for-callers"):
        process = exec_(stage, python(program))
        assert process.process.wait(PATIENCE) == 0
    assert process.stdout == "200 False\n"
    assert "a-key-for-callers" not in process.stderr


@contextlib.contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


# ── signals, and the end ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"])
def test_a_signal_is_passed_on_once_and_the_sidecar_serves_until_the_command_ends(stage: Stage, name: str) -> None:
    witness = Witness(stage.finhub.folder / "seen", until=name, code=9, stays=PATIENCE)
    process = exec_(stage, witness.command)
    until(lambda: witness.is_there, "the command runs")
    process.process.send_signal(getattr(signal, name))
    until(lambda: witness.heard() == [name], "the command has heard it")
    assert get(f"{process.url}{BALANCE}").status == 200
    witness.release()
    assert process.process.wait(PATIENCE) == 9
    assert witness.heard() == [name]


def test_a_command_that_does_not_handle_a_signal_dies_of_it(stage: Stage) -> None:
    process = exec_(stage, ["sleep", "60"])
    until(lambda: b"sleep" in _child_of(process), "the command runs")
    process.process.terminate()
    assert process.process.wait(PATIENCE) == 143


def test_a_signal_that_comes_before_the_command_is_started_ends_it_all(stage: Stage) -> None:
    stage.finhub.fault("login:delay=20")
    witness = Witness(stage.finhub.folder / "seen")
    process = exec_(stage, witness.command).listening()
    process.process.terminate()
    assert process.process.wait(PATIENCE) == 143
    assert not witness.is_there


def test_a_signal_while_it_still_starts_ends_it_as_well(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "sidecar.toml")
    witness = Witness(tmp_path / "seen")
    command = [sys.executable, "-m", "sidecar", "exec", "--config", str(tmp_path / "sidecar.toml"), "--"]
    process = subprocess.Popen([*command, *witness.command], stderr=subprocess.PIPE)
    writing = os.open(tmp_path / "sidecar.toml", os.O_WRONLY)  # returns when the process has opened it, and reads
    while process.poll() is None:  # one that comes just before the read begins is heeded only after it (PEP 475)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=2)
    assert process.communicate(timeout=PATIENCE)[1] == b""
    assert process.returncode == 143
    assert not witness.is_there
    os.close(writing)


def test_who_ends_the_sidecar_ends_the_command(stage: Stage) -> None:
    witness = Witness(stage.finhub.folder / "seen", until="SIGTERM", code=5)
    process = exec_(stage, witness.command)
    until(lambda: witness.is_there, "the command runs")
    assert post(f"{process.admin}/-/quit").status == 200
    assert process.process.wait(PATIENCE) == 5
    assert witness.heard() == ["SIGTERM"]


def test_a_request_of_somebody_else_is_finished_after_the_command_and_idle_ones_are_not_waited_for(
    stage: Stage,
) -> None:
    stage.finhub.fault("api:delay=1")
    left_behind = stage.finhub.folder / "left"
    url = '"$FINHUB_BASE_URL"' + BALANCE
    asks = f"{CURL} -o /dev/null -w '%{{http_code}}' {url} >{left_behind}"
    command = f"({asks}; sleep 60) >/dev/null 2>&1 & sleep 0.5"
    began = time.monotonic()
    process = exec_(stage, ["sh", "-c", command])
    assert process.process.wait(PATIENCE) == 0
    assert time.monotonic() - began < 20
    until(lambda: left_behind.read_text() == "200", "the request was answered")
    assert [line["cut"] for line in process.lines("stopped")] == [0]


def test_one_more_signal_while_it_drains_cuts_what_runs(stage: Stage) -> None:
    stage.finhub.fault("api:delay=20")
    url = '"$FINHUB_BASE_URL"' + BALANCE
    process = exec_(stage, ["sh", "-c", f"{CURL} {url} >/dev/null 2>&1 & sleep 0.5"])
    until(lambda: bool(process.lines("draining")), "the command has ended")
    time.sleep(1)  # a signal right behind the end may be the one that ended the command
    began = time.monotonic()
    process.process.terminate()
    assert process.process.wait(PATIENCE) == 0
    assert time.monotonic() - began < 10
    assert [line["cut"] for line in process.lines("stopped")] == [1]


def test_what_a_terminal_sends_to_both_comes_once_and_what_somebody_sends_is_passed_on(stage: Stage) -> None:
    witness = Witness(stage.finhub.folder / "seen", until="SIGTERM", code=6)
    command = [sys.executable, "-m", "sidecar", "exec", "--config", str(stage.finhub.config), "--", *witness.command]
    main, other = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", *command],  # which makes it the terminal's foreground
        stdin=other,
        stdout=other,
        stderr=other,
        env={**os.environ, **ANYWHERE, "PYTHONPATH": CODE},
    )
    os.close(other)
    try:
        until(lambda: witness.is_there, "the command runs")
        process.send_signal(signal.SIGSTOP)  # so that a second one would come later than the first
        os.write(main, b"\x03")
        until(lambda: bool(witness.heard()), "Ctrl-C has come")
        process.send_signal(signal.SIGCONT)
        time.sleep(0.5)  # long enough for the second one
        assert witness.heard() == ["SIGINT"]
        process.send_signal(signal.SIGINT)
        until(lambda: witness.heard() == ["SIGINT", "SIGINT"], "the one for the sidecar alone was passed on")
        process.terminate()
        assert process.wait(PATIENCE) == 6
    finally:
        process.kill()
        process.wait()
        os.close(main)


def _child_of(process: SidecarProcess) -> bytes:
    task = f"task/{process.process.pid}/children"
    return b" ".join(_command_line(int(child)) for child in process.proc(task).split())


def _command_line(pid: int) -> bytes:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123  # a file of the kernel's
        return file.read()
    return b""
