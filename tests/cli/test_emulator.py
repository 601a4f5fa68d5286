from __future__ import annotations

import argparse
import datetime as dt
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sidecar.cli.emulator import add_arguments
from sidecar.emulator import pairs
from sidecar.emulator.certificates import generate
from sidecar.errors import ConfigError, ListenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The command alone, as the command line's own table calls it.
ALONE = """
import argparse, sys
from sidecar.cli.emulator import add_arguments
parser = argparse.ArgumentParser()
add_arguments(parser)
args = parser.parse_args(["--port", "0", "--admin-port", "0", *sys.argv[1:]])
sys.exit(args.run(args))
"""

Started = tuple[subprocess.Popen[str], str]


@pytest.fixture
def started() -> Iterator[Callable[..., Started]]:
    """Start the command with these arguments; return the process and what it printed."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> Started:
        process = subprocess.Popen(
            [sys.executable, "-c", ALONE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        processes.append(process)
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        banner = []
        for line in lines:
            banner.append(line)
            if line.startswith("End with"):
                break
        return process, "".join(banner)

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(arguments)


def value(banner: str, name: str) -> str:
    return next(line.split(name, 1)[1].strip() for line in banner.splitlines() if line.strip().startswith(name))


def test_it_says_what_runs_where_and_how_to_go_on(started: Callable[..., Started], tmp_path: Path) -> None:
    _, banner = started("--dir", str(tmp_path / "finhub"))
    assert banner.startswith("FinHub emulator, environment production\n")
    assert value(banner, "folder") == str(tmp_path / "finhub")
    assert f"finhub-sidecar run --config {tmp_path}/finhub/sidecar.toml\n" in banner
    config = tomllib.loads((tmp_path / "finhub" / "sidecar.toml").read_text())
    assert value(banner, "FinHub  ") == config["upstream"]["url"]


def test_curl_reaches_both_doors(started: Callable[..., Started], tmp_path: Path) -> None:
    _, banner = started("--dir", str(tmp_path), "--fault", "login:status=503")
    pair = ["--cacert", "ca.crt", "--cert", "client.crt", "--key", "client.key"]
    login = f"{value(banner, 'FinHub  ')}/api/v2/auth/token"
    reply = subprocess.run(
        ["curl", "-sS", *pair, "-d", "{}", login], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert '"code": 503' in reply.stdout
    counts = subprocess.run(["curl", "-sS", value(banner, "control door")], capture_output=True, text=True, check=True)
    assert '"login_attempts": 1' in counts.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well(started: Callable[..., Started], number: signal.Signals) -> None:
    process, banner = started("--environment", "playground", "--token-lifetime", "5")
    folder = Path(value(banner, "folder").removesuffix(" (removed at the end)"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    process.send_signal(number)
    assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0
    assert not folder.exists()


def test_a_folder_of_ones_own_stays(started: Callable[..., Started], tmp_path: Path) -> None:
    process, _ = started("--dir", str(tmp_path))
    process.terminate()
    process.communicate(timeout=10)
    assert (tmp_path / "client.key").exists()


def test_no_secret_is_printed(started: Callable[..., Started], tmp_path: Path) -> None:
    process, banner = started("--dir", str(tmp_path))
    process.terminate()
    printed = banner + "".join(process.communicate(timeout=10))
    for name in ("password", "customer_secret", "tenant_secret", "client.p12.password"):
        assert (tmp_path / name).read_text().strip() not in printed


@pytest.mark.parametrize("option", ["--port", "--admin-port"])
def test_a_port_in_use_is_named(option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        args = parsed("--port", "0", "--admin-port", "0", option, port)
        with pytest.raises(ListenError, match=f":{port}: the port is in use"):
            args.run(args)


def test_a_folder_with_a_real_key_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "client.key").write_text("a real key")
    args = parsed("--port", "0", "--admin-port", "0", "--dir", str(tmp_path))
    with pytest.raises(ConfigError, match=r"client\.key"):
        args.run(args)


def test_a_lifetime_without_sense_is_named() -> None:
    args = parsed("--token-lifetime", "-1")
    with pytest.raises(ConfigError, match="token_lifetime: found -1"):
        args.run(args)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--fault", "login:explode"], "'explode' is none of status"),
        (["--environment", "moon"], "invalid choice: 'moon'"),
        (["--port", "x"], "invalid int value: 'x'"),
    ],
)
def test_a_wrong_argument_is_a_usage_error(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        parsed(*arguments)
    assert raised.value.code == 2
    assert told in capsys.readouterr().err


def test_a_scenario_is_a_file_that_holds_from_the_start(started: Callable[..., Started], tmp_path: Path) -> None:
    (tmp_path / "scenario.toml").write_text('[[step]]\nlogin = 1\nfault = "login:status=503"\n')
    _, banner = started("--environment", "playground", "--scenario", str(tmp_path / "scenario.toml"))
    login = f"{value(banner, 'FinHub  ')}/api/v2/auth/sandbox/token"
    reply = subprocess.run(["curl", "-sS", "-d", "{}", login], capture_output=True, text=True, check=True)
    assert '"code": 503' in reply.stdout


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "cannot be read: No such file"), (b"\xff", "cannot be read: no UTF-8"), (b"[[step]]", "step 1: say when")],
)
def test_a_scenario_that_cannot_be_used_is_told(tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "scenario.toml"
    if content is not None:
        path.write_bytes(content)
    args = parsed("--port", "0", "--admin-port", "0", "--scenario", str(path))
    with pytest.raises(ConfigError, match=told):
        args.run(args)


def test_it_uses_certificates_that_were_made_before(started: Callable[..., Started], tmp_path: Path) -> None:
    made, home = tmp_path / "made", tmp_path / "finhub"
    made.mkdir()
    for name, content in pairs.folder(generate("8812345", dt.datetime.now(dt.UTC))).items():
        (made / name).write_bytes(content)
    _, banner = started("--dir", str(home), "--certs", str(made))
    for name in ("ca.crt", "client.crt", "client.key"):
        assert (home / name).read_bytes() == (made / name).read_bytes()
    port = int(value(banner, "FinHub  ").rpartition(":")[2].split("/")[0])
    context = ssl.create_default_context(cafile=made / "ca.crt")
    context.load_cert_chain(made / "client.crt", made / "client.key")
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as wrapped,
    ):
        server = ssl.DER_cert_to_PEM_cert(wrapped.getpeercert(binary_form=True) or b"")
    assert server.encode() == (made / "server.crt").read_bytes()
