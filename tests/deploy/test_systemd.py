"""The units in deploy/systemd: judged by systemd's own tools, and played to the program as PID 1 would."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

import confined
import pytest
from calling import BALANCE, get, post, until
from ceiling import ceiling
from house import ROOT
from manager import Told, activated, kept_socket, notified, started_by
from staging import Stage, staged

from sidecar.cli import exits
from sidecar.config.caller_side import Admin, Listen
from sidecar.config.catalogue import keys
from sidecar.config.load import parse
from sidecar.config.sample import sample
from sidecar.gateway import patience
from sidecar.server.activation import NAMES
from sidecar.server.listeners import _BACKLOG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staging import SidecarProcess

UNITS: Final = ROOT / "deploy" / "systemd"
SERVICE, CALLERS, ADMIN = (
    UNITS / name for name in ("finhub-sidecar.service", "finhub-sidecar.socket", "finhub-sidecar-admin.socket")
)
PAGE: Final = (ROOT / "docs" / "systemd.md").read_text(encoding="utf-8")
INSTALLED: Final = "/opt/finhub-sidecar/bin/finhub-sidecar"
EXPOSURE: Final = 1.2
"""The highest that `systemd-analyze security` may say, of ten."""

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


def unit(path: Path) -> confined.Unit:
    return confined.settings(path.read_text(encoding="utf-8"))


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "--no-pager", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def copies(tmp_path: Path) -> list[Path]:
    """The units, with a program that this machine has in the place of ours."""
    folder = tmp_path / "units"
    folder.mkdir()
    for path in (SERVICE, CALLERS, ADMIN):
        text = path.read_text(encoding="utf-8")
        (folder / path.name).write_text(text.replace(INSTALLED, shutil.which("true") or ""), encoding="utf-8")
    return sorted(folder.iterdir())


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path / "finhub") as made:
        yield made


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    with Told(tmp_path / "notify") as heard:
        yield heard


# ── the units as they are ───────────────────────────────────────────────────────────────────────────────────────


def test_systemd_finds_nothing_to_say_about_the_units(copies: list[Path]) -> None:
    found = analyze("verify", *copies)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_systemd_would_say_something(copies: list[Path]) -> None:
    (service,) = (path for path in copies if path.suffix == ".service")
    service.write_text(service.read_text().replace("Type=notify", "Type=notfiy\nWatchdogSecs=3"))
    assert "WatchdogSecs" in analyze("verify", service).stderr


def test_the_service_is_as_little_exposed_as_its_page_says(copies: list[Path]) -> None:
    (service,) = (path for path in copies if path.suffix == ".service")
    found = re.search(
        r"exposure level for finhub-sidecar.service: ([\d.]+)", analyze("security", "--offline=true", service).stdout
    )
    assert found is not None
    assert float(found[1]) <= EXPOSURE
    assert f"exposure {found[1]} of 10" in PAGE


def test_every_variable_names_a_key_and_every_credential_is_used() -> None:
    service = unit(SERVICE)
    known = {"FINHUB_" + "__".join(key.parts).upper() for key in keys()}
    set_here = dict(line.split("=", 1) for line in service["Environment"] if line.startswith("FINHUB_"))
    assert {name if name in known else name.removesuffix("_FILE") for name in set_here} <= known
    loaded = [value.split(":", 1) for value in service["LoadCredential"]]
    assert set(set_here.values()) == {f"%d/{name}" for name, _ in loaded}
    assert {path for _, path in loaded} == {f"/etc/finhub-sidecar/{name}" for name, _ in loaded}


def test_the_limit_of_its_memory_is_what_readme_says_its_bounds_may_take() -> None:
    (limit,) = unit(SERVICE)["MemoryMax"]
    assert limit.endswith("G")
    config = parse(sample("production"), {}, folder="/etc/finhub-sidecar")
    assert ceiling(config) <= int(limit.removesuffix("G")) * 2**30


def test_what_is_no_better_the_next_time_is_not_started_again() -> None:
    codes = {int(code) for code in unit(SERVICE)["RestartPreventExitStatus"][0].split()}
    assert codes == {exits.USAGE, exits.IDENTITY}


def test_restarts_cannot_lock_the_account() -> None:
    """Five rejected logins do, for half an hour (CONTRACT §5), and each start is a login."""
    service = unit(SERVICE)
    assert (service["StartLimitIntervalSec"], int(service["StartLimitBurst"][0])) == (["30min"], 4)


def test_the_sockets_are_those_that_the_program_knows_and_stand_where_it_would_open_them() -> None:
    callers, admin = unit(CALLERS), unit(ADMIN)
    assert (callers["FileDescriptorName"][0], admin["FileDescriptorName"][0]) == NAMES
    assert callers["ListenStream"] == [str(Listen.members["address"].default)]
    assert admin["ListenStream"] == [str(Admin.members["address"].default)]
    assert callers["Backlog"] == [str(_BACKLOG)]
    assert unit(SERVICE)["Requires"] == [f"{CALLERS.name} {ADMIN.name}"]


def test_the_page_installs_what_is_there() -> None:
    for name in (SERVICE.name, CALLERS.name, ADMIN.name):
        assert name in PAGE
    for _, path in (value.split(":", 1) for value in unit(SERVICE)["LoadCredential"]):
        assert path in PAGE


# ── the program, as the unit starts it ──────────────────────────────────────────────────────────────────────────


def as_the_unit(stage: Stage, sockets: dict[str, socket.socket], told: Told) -> SidecarProcess:
    """Start it with the unit's variables and credentials, and confined by it."""
    folder = stage.finhub.folder
    credentials = folder / "credentials"
    credentials.mkdir()
    for name, source in (("password", "password"), ("client.crt", "client.crt"), ("client.key", "client.key")):
        shutil.copy(folder / source, credentials / name)
    secret = stage.finhub.emulator.account.customer_secret
    (credentials / "customer_secret").write_text(secret.reveal())
    (credentials / "client.key").chmod(0o440)  # as systemd makes them
    variables = dict(line.replace("%d", str(credentials)).split("=", 1) for line in unit(SERVICE)["Environment"])
    text = (folder / "sidecar.toml").read_text()
    for line in re.findall(r"(?m)^(?:password|customer_secret|certificate_file|key_file)\b.*\n", text):
        text = text.replace(line, "")
    (folder / "sidecar.toml").write_text(text)
    confine = (sys.executable, str(confined.__file__), str(SERVICE))
    return activated(stage, sockets, confine, **variables, **notified(told, watchdog=1.0))


def test_as_the_unit_starts_it_it_serves_reloads_and_ends(stage: Stage, told: Told) -> None:
    with kept_socket() as callers, kept_socket() as admin:
        url = f"http://127.0.0.1:{callers.getsockname()[1]}"
        control = f"http://127.0.0.1:{admin.getsockname()[1]}"
        sidecar = as_the_unit(stage, {"callers": callers, "admin": admin}, told).listening()
        assert (sidecar.url, sidecar.admin) == (url, control)
        assert get(f"{url}{BALANCE}").status == 200
        assert post(f"{url}/api/echo", b"{}").status == 200
        until(lambda: "ready; session FRESH" in told.all("STATUS"), "the status is told")
        seen = Path("/proc", str(sidecar.process.pid), "root")
        if os.geteuid() == 0:  # who is no root cannot take the rest of /proc away
            assert not (seen / "proc" / "net").exists()
            tables = patience._TABLES  # noqa: SLF001  # what it reads
            assert all((seen / table.relative_to("/")).exists() for table in tables)
        until(lambda: len(told.all("WATCHDOG")) >= 2, "signs of life")
        sidecar.process.send_signal(signal.SIGHUP)
        until(lambda: told.course == ["READY", "RELOADING", "READY"], "the reload is told")
        assert sidecar.end() == 0
    assert told.course == ["READY", "RELOADING", "READY", "STOPPING"]
    assert sidecar.lines("caution") == []
    assert stage.finhub.counts.logins == 1


def test_a_caller_that_comes_first_waits_for_the_service_and_one_that_comes_in_between_for_the_next(
    stage: Stage,
) -> None:
    """The sockets are the manager's: nobody is refused, whoever serves."""
    with kept_socket() as callers, kept_socket() as admin:
        url = f"http://127.0.0.1:{callers.getsockname()[1]}"
        heard: list[int] = []

        def ask() -> None:
            heard.append(get(f"{url}{BALANCE}").status)

        for round_ in range(3):
            early = [threading.Thread(target=ask) for _ in range(5)]
            for one in early:
                one.start()
            sidecar = activated(stage, {"callers": callers, "admin": admin}).listening()
            for one in early:
                one.join(30)
            assert heard == [200] * 5 * (round_ + 1)
            assert sidecar.end() == 0


def test_systemds_own_starter_is_understood(stage: Stage, told: Told) -> None:
    starter = shutil.which("systemd-socket-activate")
    assert starter is not None, "it comes with systemd-analyze"
    ports = []
    for _ in NAMES:
        with socket.create_server(("127.0.0.1", 0)) as free:
            ports.append(free.getsockname()[1])
    where = [f"--listen=127.0.0.1:{port}" for port in ports]
    passed_on = [f"--setenv={name}" for name in ("NOTIFY_SOCKET", "PATH", "PYTHONPATH")]
    by = (starter, f"--fdname={':'.join(NAMES)}", *where, *passed_on)
    sidecar = started_by(stage, by, **notified(told))
    until(lambda: "Listening on" in sidecar.stderr, "the starter listens")
    assert get(f"http://127.0.0.1:{ports[0]}{BALANCE}").status == 200
    assert sidecar.status()["listen"] == f"127.0.0.1:{ports[0]}"
    assert sidecar.end() == 0
    assert told.course == ["READY", "STOPPING"]


def test_a_process_that_stands_still_gives_no_sign_of_life_and_goes_on_when_it_goes_on(
    stage: Stage, told: Told
) -> None:
    with kept_socket() as callers, kept_socket() as admin:
        sidecar = activated(stage, {"callers": callers, "admin": admin}, **notified(told, watchdog=0.4)).listening()
        until(lambda: len(told.all("WATCHDOG")) >= 2, "signs of life")
        sidecar.process.send_signal(signal.SIGSTOP)
        until(lambda: b"State:\tT" in sidecar.proc("status"), "it stands still")
        before = len(told.all("WATCHDOG"))
        with pytest.raises(AssertionError):
            until(lambda: len(told.all("WATCHDOG")) > before, "a sign of life", within=1.0)
        sidecar.process.send_signal(signal.SIGCONT)
        until(lambda: len(told.all("WATCHDOG")) > before, "a sign of life")
        assert sidecar.end() == 0


def test_a_passed_unix_socket_is_guarded_as_configured_and_left_in_its_place(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "callers.sock"
    with socket.socket(socket.AF_UNIX) as made, kept_socket() as admin:
        made.bind(str(path))
        made.listen(16)
        for allowed, status in (('["4242"]', b"403"), ('["0", "4242"]', b"200")):
            sidecar = activated(
                stage, {"callers": made, "admin": admin}, FINHUB_LISTEN__ALLOWED_USERS=allowed
            ).listening()
            assert sidecar.listen == f"unix:{path}"
            with socket.socket(socket.AF_UNIX) as caller:
                caller.settimeout(30)
                caller.connect(str(path))
                caller.sendall(f"GET {BALANCE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                assert caller.recv(100).split()[1] == status
            assert sidecar.end() == 0
            assert path.is_socket()


def test_a_passed_port_that_others_can_reach_needs_what_a_configured_one_needs(stage: Stage) -> None:
    with kept_socket("0.0.0.0") as callers, kept_socket() as admin:  # noqa: S104  # what is refused
        refused = activated(stage, {"callers": callers, "admin": admin})
        assert refused.process.wait(30) == exits.USAGE
        assert "unsafe_listen" in refused.stderr
        more = {"FINHUB_LISTEN__UNSAFE_LISTEN": "true", "FINHUB_LISTEN__ALLOWED_PEERS": json.dumps(["127.0.0.0/8"])}
        sidecar = activated(stage, {"callers": callers, "admin": admin}, **more).listening()
        assert get(f"http://127.0.0.1:{callers.getsockname()[1]}{BALANCE}").status == 200
        assert sidecar.end() == 0


def test_what_was_passed_by_no_known_name_ends_it_with_the_remedy(stage: Stage) -> None:
    with kept_socket() as plug:
        refused = activated(stage, {"http": plug})
        assert refused.process.wait(30) == exits.NETWORK
    assert "FileDescriptorName=" in refused.stderr


def test_without_a_manager_nothing_of_it_is_loaded(stage: Stage) -> None:
    from loaded import loaded  # noqa: PLC0415  # beside what it is for

    seen = loaded(stage, ["run", "--config", str(stage.finhub.config)], lambda one: get(f"{one.url}{BALANCE}"))
    ours = {f"sidecar.server.{name}" for name in ("activation", "manager", "notify", "watchdog")}
    assert ours.isdisjoint(seen["served"].by)
