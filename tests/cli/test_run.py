from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from calling import BALANCE, PATIENCE, get, post, until
from insider import Insider
from staging import SidecarProcess, Stage, staged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as stage:
        yield stage


def ended(stage: Stage, **environ: str) -> tuple[int, str]:
    process = stage.start(["run", "--config", str(stage.finhub.config)], **environ)
    return process.process.wait(PATIENCE), process.stderr


def edit(stage: Stage, old: str, new: str) -> None:
    text = stage.finhub.config.read_text()
    assert text.count(old) == 1
    stage.finhub.config.write_text(text.replace(old, new))


def test_a_configuration_that_is_not_there_is_2_with_the_remedy(stage: Stage) -> None:
    process = stage.start(["run", "--config", "nowhere.toml"])
    assert process.process.wait(PATIENCE) == 2
    assert "nowhere.toml cannot be read: No such file or directory" in process.stderr
    assert "config init" in process.stderr


def test_every_problem_of_a_configuration_is_2_and_told_at_once(stage: Stage) -> None:
    code, told = ended(stage, LISTEN__MAX_BODY="-1", SESSION__WAIT="never")
    assert code == 2
    assert "listen.max_body (FINHUB_LISTEN__MAX_BODY)" in told
    assert "session.wait (FINHUB_SESSION__WAIT)" in told


def test_secrets_that_cannot_be_read_are_3_and_all_are_named(stage: Stage) -> None:
    edit(stage, 'password = { file = "password" }', 'password = { env = "UNSET_BY_NOBODY" }')
    (stage.finhub.folder / "customer_secret").unlink()
    code, told = ended(stage)
    assert code == 3
    assert "credentials.password: the variable UNSET_BY_NOBODY is not set" in told
    assert "credentials.customer_secret: the file" in told


def test_production_without_a_certificate_is_3_with_the_remedy(stage: Stage) -> None:
    edit(stage, 'certificate_file = "client.crt"\nkey_file = "client.key"\n', "")
    code, told = ended(stage)
    assert code == 3
    assert "production demands one" in told
    assert "→ Set identity.certificate_file" in told


@pytest.mark.parametrize("key", ["LISTEN", "ADMIN"])
def test_a_port_in_use_is_5_and_named(stage: Stage, key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, told = ended(stage, **{f"{key}__ADDRESS": address})
    assert code == 5
    assert f"{key.lower()}.address {address}: Address already in use" in told


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"SESSION__WAIT": "never"}, 2),
        ({"SESSION__DIALECT": "no-such-dialect"}, 2),
        ({"CREDENTIALS__PASSWORD_FILE": "/nowhere"}, 3),
        ({"IDENTITY__KEY_FILE": "/nowhere"}, 3),
    ],
)
def test_what_an_operator_got_wrong_is_told_before_anybody_could_connect(
    stage: Stage, settings: dict[str, str], code: int
) -> None:
    """The port is taken: whoever looked at it first would end with 5."""
    if "CREDENTIALS__PASSWORD_FILE" in settings:
        edit(stage, 'password = { file = "password" }\n', "")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert ended(stage, LISTEN__ADDRESS=f"127.0.0.1:{taken.getsockname()[1]}", **settings)[0] == code


def test_it_runs_whatever_FinHub_does_and_ends_with_0(stage: Stage) -> None:  # noqa: N802  # its name
    stage.finhub.fault("login:close")
    sidecar = stage.run()
    until(lambda: bool(sidecar.lines("session could not be minted")), "the login has failed")
    assert get(f"{sidecar.admin}/startupz").status == 200
    assert get(f"{sidecar.admin}/readyz").status == 503
    assert sidecar.end(signal.SIGINT) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_still_starts_ends_it_with_0_as_well(tmp_path: Path, number: signal.Signals) -> None:
    os.mkfifo(tmp_path / "sidecar.toml")
    command = [sys.executable, "-m", "sidecar", "run", "--config", str(tmp_path / "sidecar.toml")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    writing = os.open(tmp_path / "sidecar.toml", os.O_WRONLY)  # returns when the process has opened it, and reads
    process.send_signal(signal.SIGHUP)  # nothing to reload yet: it must not end anything
    while process.poll() is None:  # one that comes just before the read begins is heeded only after it (PEP 475)
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=2)
    assert process.communicate(timeout=PATIENCE) == (b"", b"")
    assert process.returncode == 0
    os.close(writing)


def test_the_level_of_the_log_can_change_while_it_runs(stage: Stage) -> None:
    def level(name: str) -> None:
        text = stage.finhub.config.read_text().partition("\n[log]")[0]
        stage.finhub.config.write_text(f'{text}\n[log]\nlevel = "{name}"\n')

    level("info")
    folder, environ = stage.finhub.folder, {**os.environ}
    environ |= {"FINHUB_LISTEN__ADDRESS": "127.0.0.1:0", "FINHUB_ADMIN__ADDRESS": "127.0.0.1:0"}
    sidecar = SidecarProcess(["run", "--config", str(stage.finhub.config)], environ, folder, 9)
    stage.processes.append(sidecar)
    sidecar.start().listening()
    asked = [get(f"{sidecar.url}{BALANCE}").status]
    level("error")
    assert post(f"{sidecar.admin}/-/reload").json == {"changed": ["log.level"]}
    asked.append(get(f"{sidecar.url}{BALANCE}").status)
    level("info")
    assert post(f"{sidecar.admin}/-/reload").json == {"changed": ["log.level"]}
    asked.append(get(f"{sidecar.url}{BALANCE}").status)
    until(lambda: len(sidecar.lines("request")) == 2, "two of the three requests are logged")
    assert asked == [200, 200, 200]


def test_a_reader_of_its_log_that_goes_away_does_not_end_it(stage: Stage) -> None:
    environ = {**os.environ, "FINHUB_LISTEN__ADDRESS": "127.0.0.1:0", "FINHUB_ADMIN__ADDRESS": "127.0.0.1:0"}
    command = [sys.executable, "-m", "sidecar", "run", "--config", str(stage.finhub.config)]
    reading, writing = os.pipe()
    with (stage.finhub.folder / "err").open("wb") as err:
        process = subprocess.Popen(command, stdout=writing, stderr=err, env=environ)
    os.close(writing)
    os.close(reading)
    told = stage.finhub.folder / "err"
    until(lambda: '"listening"' in told.read_text(), "the sidecar listens")
    listen = told.read_text().partition('"listen": "')[2].partition('"')[0]
    try:
        for _ in range(3):
            assert get(f"http://{listen}{BALANCE}").status == 200
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        with contextlib.suppress(OSError):
            process.kill()
        process.wait()
    assert "Traceback" not in told.read_text()
    assert "Exception ignored" not in told.read_text()


# ── the process itself ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def held(stage: Stage) -> dict[str, str]:
    """Configure two secrets in the environment; return the variables, with a third that nothing names yet."""
    account = stage.finhub.emulator.account
    edit(stage, 'password = { file = "password" }\n', "")
    edit(stage, 'customer_secret = { file = "customer_secret" }', 'customer_secret = { env = "SHOP_SECRET" }')
    return {
        "FINHUB_CREDENTIALS__PASSWORD": account.password.reveal(),
        "SHOP_SECRET": account.customer_secret.reveal(),
        "LATER_KEY": "named-by-a-reload-only",
    }


def test_a_crash_reporter_in_it_finds_no_secret_in_the_environment(stage: Stage, held: dict[str, str]) -> None:
    running = Insider(stage, ["run", "--config", str(stage.finhub.config)], held)
    assert get(f"{running.process.listening().url}{BALANCE}").status == 200
    assert running.process.end() == 0
    assert running.report()["environ"].keys() & held.keys() == {"LATER_KEY"}


def test_a_reload_knows_the_secrets_that_the_environment_has_lost_and_takes_new_ones_out(
    stage: Stage, held: dict[str, str]
) -> None:
    running = Insider(stage, ["run", "--config", str(stage.finhub.config)], held)
    sidecar = running.process.listening()
    edit(stage, "[listen]\n", '[listen]\ncaller_key = { env = "LATER_KEY" }\n')
    assert post(f"{sidecar.admin}/-/reload").json == {"changed": ["listen.caller_key", "caller key"]}
    assert get(f"{sidecar.url}{BALANCE}").status == 403
    assert post(f"{sidecar.admin}/-/reauthenticate").status == 200
    assert sidecar.end() == 0
    left = running.report()["environ"]
    assert left.keys().isdisjoint(held)
    assert set(left.values()).isdisjoint(held.values())


def test_it_may_open_as_many_files_as_its_configuration_needs(stage: Stage) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        sidecar = stage.run(LISTEN__MAX_CONNECTIONS="300", UPSTREAM__MAX_CONNECTIONS="50")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    (files,) = (line for line in sidecar.proc("limits").decode().splitlines() if line.startswith("Max open files"))
    assert files.split()[3] == str(300 + 50 + 160)
    assert sidecar.lines("caution") == []
