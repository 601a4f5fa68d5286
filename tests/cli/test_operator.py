"""The client of the admin listener, before listeners that are none: real sockets, each in a thread."""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
from otherusers import common_folder
from playground import configuration

from sidecar.cli.operator import DEFAULT, add_address, address_of, ask, watched
from sidecar.config.addresses import address
from sidecar.errors import ConfigError, ControlRefused, SidecarUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sidecar.config.addresses import Address

PROBLEM = {"title": "The sidecar refuses this request", "detail": "loopback peers only", "remedy": "Ask from here."}


def replying(answer: bytes) -> Callable[[socket.socket], None]:
    return lambda caller: caller.sendall(answer)


def whole(body: str, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


@contextlib.contextmanager
def listening(
    serve: Callable[[socket.socket], None], plug: socket.socket | None = None
) -> Iterator[tuple[Address, list[bytes]]]:
    """Serve one connection after the other; yields where, and the heads that were sent there."""
    heads: list[bytes] = []
    with plug or socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            with contextlib.suppress(OSError):
                while True:
                    caller = listener.accept()[0]
                    with caller, contextlib.suppress(OSError):
                        heads.append(caller.recv(65536))
                        serve(caller)

        thread = threading.Thread(target=run)
        thread.start()
        name = listener.getsockname()
        yield address(f"unix:{name}" if isinstance(name, str) else f"127.0.0.1:{name[1]}"), heads
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_reply_is_read_to_its_end_and_the_request_names_no_page() -> None:
    with listening(replying(whole('{"a": 1}'))) as (where, heads):
        reply = ask(where, "POST", "/-/quit")
    assert (reply.status, reply.good, reply.json()) == (200, True, {"a": 1})
    assert heads == [b"POST /-/quit HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"]


def test_over_a_unix_socket_it_is_the_same() -> None:
    with common_folder() as folder:
        plug = socket.socket(socket.AF_UNIX)
        plug.bind(str(folder / "admin"))
        plug.listen()
        with listening(replying(whole("ready\n")), plug) as (where, heads):
            assert ask(where, "GET", "/readyz").text == "ready\n"
    assert b"\r\nHost: localhost\r\n" in heads[0]


def test_who_listens_on_every_address_is_called_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with listening(replying(whole("alive"))) as (where, heads):
        assert ask(address(f"0.0.0.0:{where.port}"), "GET", "/livez").good
    assert b"\r\nHost: 127.0.0.1\r\n" in heads[0]


def test_a_refusal_is_told_in_the_words_of_the_one_that_refuses() -> None:
    with listening(replying(whole(json.dumps(PROBLEM), "403 Forbidden"))) as (where, _):
        reply = ask(where, "GET", "/status")
    with pytest.raises(ControlRefused) as refused:
        reply.json()
    assert (refused.value.detail, refused.value.remedy) == ("loopback peers only", "Ask from here.")


@pytest.mark.parametrize("body", ["<html>", "[1]", "[" * 5_000])
def test_what_no_sidecar_says_is_none(body: str) -> None:
    with listening(replying(whole(body))) as (where, _):
        reply = ask(where, "GET", "/status")
    with pytest.raises(SidecarUnreachable) as unreachable:
        reply.json()
    assert "another program" in unreachable.value.remedy


@pytest.mark.parametrize(
    "answer",
    [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", whole("a").replace(b"a", b"\xff")],
)
def test_what_is_no_whole_reply_is_none(answer: bytes) -> None:
    with listening(replying(answer)) as (where, _), pytest.raises(SidecarUnreachable) as unreachable:
        ask(where, "GET", "/livez")
    assert "no whole reply in HTTP" in unreachable.value.detail


def test_a_reply_without_end_is_not_read_for_ever() -> None:
    def pour(caller: socket.socket) -> None:
        caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
        while True:
            caller.sendall(b"x" * 65536)

    with listening(pour) as (where, _), pytest.raises(SidecarUnreachable):
        ask(where, "GET", "/status")


def test_time_is_up_however_often_a_byte_comes() -> None:
    def drip(caller: socket.socket) -> None:
        for _ in range(200):
            caller.sendall(b"H")
            time.sleep(0.02)

    with listening(drip) as (where, _), pytest.raises(SidecarUnreachable) as late:
        ask(where, "GET", "/livez", within=0.2)
    assert late.value.detail == f"admin listener {where}: no answer within 0.2 s"


def test_where_nobody_listens_the_remedy_says_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        where = address(f"127.0.0.1:{gone.getsockname()[1]}")
    with pytest.raises(SidecarUnreachable) as refused:
        ask(where, "GET", "/livez")
    assert refused.value.detail == f"admin listener {where}: Connection refused"
    assert "--admin" in refused.value.remedy
    with pytest.raises(SidecarUnreachable) as missing:
        ask(address(f"unix:{tmp_path}/no"), "GET", "/livez")
    assert missing.value.detail.endswith("No such file or directory")


def test_one_connection_tells_whether_it_is_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.cli.operator.PATIENCE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        where = address(f"127.0.0.1:{listener.getsockname()[1]}")
        with watched(where) as still_there:
            end, _ = listener.accept()
            end.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            assert still_there()
            assert still_there()  # too busy to say, and there
            end.close()
            assert not still_there()
            listener.setblocking(False)  # noqa: FBT003  # the standard library's signature
            with pytest.raises(BlockingIOError):
                listener.accept()  # nobody else asked
    with pytest.raises(SidecarUnreachable), watched(where):
        pass


# ── which one ───────────────────────────────────────────────────────────────────────────────────────────────────


def chosen(*arguments: str) -> str:
    parser = argparse.ArgumentParser()
    add_address(parser)
    return str(address_of(parser.parse_args(arguments)))


def test_the_address_is_named_or_the_configurations_or_the_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FINHUB_ADMIN__ADDRESS", raising=False)
    file = tmp_path / "sidecar.toml"
    file.write_text(configuration("http://127.0.0.1:1", admin="unix:admin.sock"))
    assert chosen() == DEFAULT
    assert chosen("--admin", "unix:/run/a") == "unix:/run/a"
    assert chosen("--config", str(file)) == f"unix:{tmp_path}/admin.sock"
    monkeypatch.setenv("FINHUB_ADMIN__ADDRESS", "127.0.0.1:7")
    assert chosen() == "127.0.0.1:7"
    assert chosen("--config", str(file)) == "127.0.0.1:7"


def test_a_port_that_the_system_chooses_cannot_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError) as unknown:
        chosen("--admin", "127.0.0.1:0")
    assert "`listening`" in unknown.value.remedy
    monkeypatch.setenv("FINHUB_ADMIN__ADDRESS", "nowhere")
    with pytest.raises(ConfigError) as wrong:
        chosen()
    assert "FINHUB_ADMIN__ADDRESS: found 'nowhere'" in wrong.value.detail


@pytest.mark.parametrize("arguments", [("--admin", "nowhere"), ("--admin", "127.0.0.1:1", "--config", "x")])
def test_what_is_no_address_or_named_twice_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as usage:
        chosen(*arguments)
    assert usage.value.code == 2
