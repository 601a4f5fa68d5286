"""A caller that ends its sending gets its replies; one that leaves is noticed, also where no packet tells."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from stage import eventually

from sidecar.answer import Answer
from sidecar.gateway import patience
from sidecar.gateway.caller_server import CallerServer
from sidecar.gateway.departure import Departure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sidecar.gateway.caller_request import CallerRequest

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF_A_BODY = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf"
KINDS = ["tcp", "tcp6", "unix"]


@dataclass(slots=True)
class Door:
    """A listener whose requests wait until `open` is set, and what its callers did meanwhile."""

    kind: str
    server: CallerServer = field(init=False)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    departures: list[Departure] = field(default_factory=list)
    where: str | tuple[str, int] = ""

    @property
    def left(self) -> int:
        return sum(departure.left for departure in self.departures)

    async def handle(self, request: CallerRequest) -> None:
        departure = Departure()
        self.departures.append(departure)
        request.tell(departure)
        with contextlib.suppress(OSError):
            await request.body.read()
        await self.open.wait()
        await request.look()
        request.tell(None)
        request.answer(Answer(status=200, body=f"reply {len(self.departures)}".encode()))

    def call(self) -> socket.socket:
        """Return a connection to the door, which blocks no event loop."""
        kind = {"tcp": socket.AF_INET, "tcp6": socket.AF_INET6, "unix": socket.AF_UNIX}[self.kind]
        plug = socket.socket(kind, socket.SOCK_STREAM)
        plug.connect(self.where)
        plug.settimeout(0)
        return plug


@contextlib.asynccontextmanager
async def doored(kind: str, path: Path) -> AsyncIterator[Door]:
    door = Door(kind)
    door.server = CallerServer(door.handle)
    loop = asyncio.get_running_loop()
    if kind == "unix":
        listening = await loop.create_unix_server(door.server, path / "s")
        door.where = str(path / "s")
    else:
        listening = await loop.create_server(door.server, "::1" if kind == "tcp6" else "127.0.0.1", 0)
        door.where = listening.sockets[0].getsockname()[:2]
    try:
        yield door
    finally:
        door.open.set()
        listening.close()
        await door.server.shutdown(0.1)


async def all_of(plug: socket.socket) -> bytes:
    """Return all that comes until the sidecar ends the connection."""
    loop, heard = asyncio.get_running_loop(), b""
    async with asyncio.timeout(5):
        while part := await loop.sock_recv(plug, 65536):
            heard += part
    return heard


@pytest.mark.parametrize("kind", KINDS)
async def test_a_caller_that_ends_its_sending_gets_its_reply_and_then_the_end(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.gateway.patience._FIRST_LOOKS", (0.02, 60.0))  # so that no later look ends it
    async with doored(kind, tmp_path) as door:
        with door.call() as plug:
            await asyncio.get_running_loop().sock_sendall(plug, GET)
            plug.shutdown(socket.SHUT_WR)
            await eventually(lambda: len(door.departures) == 1)
            await asyncio.sleep(0.1)  # so that it is looked for
            assert door.left == 0
            door.open.set()
            heard = await all_of(plug)
        assert heard.endswith(b"\r\n\r\nreply 1")
        assert b"HTTP/1.1 200" in heard


@pytest.mark.parametrize("kind", KINDS)
async def test_all_that_was_asked_before_the_end_is_answered(kind: str, tmp_path: Path) -> None:
    async with doored(kind, tmp_path) as door:
        door.open.set()
        with door.call() as plug:
            await asyncio.get_running_loop().sock_sendall(plug, 40 * GET)
            plug.shutdown(socket.SHUT_WR)
            heard = await all_of(plug)
        assert heard.count(b"HTTP/1.1 200") == 40
        assert heard.endswith(b"reply 40")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_caller_that_closes_is_noticed_although_it_looks_like_one_that_only_stopped_sending(
    kind: str, tmp_path: Path
) -> None:
    async with doored(kind, tmp_path) as door:
        with door.call() as plug:
            await asyncio.get_running_loop().sock_sendall(plug, GET)
            await eventually(lambda: len(door.departures) == 1)
        async with asyncio.timeout(1):
            await eventually(lambda: door.left == 1)
        door.open.set()
        await eventually(lambda: not door.server.connections)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_caller_that_stops_sending_first_and_closes_later_is_noticed(kind: str, tmp_path: Path) -> None:
    async with doored(kind, tmp_path) as door:
        with door.call() as plug:
            await asyncio.get_running_loop().sock_sendall(plug, GET)
            plug.shutdown(socket.SHUT_WR)
            await eventually(lambda: len(door.departures) == 1)
            await asyncio.sleep(0.05)
            assert door.left == 0
        async with asyncio.timeout(2):
            await eventually(lambda: door.left == 1)


@pytest.mark.parametrize("stopped", [True, False])
async def test_a_reset_is_noticed_also_behind_the_end_of_the_sending(tmp_path: Path, *, stopped: bool) -> None:
    async with doored("tcp", tmp_path) as door:
        with door.call() as plug:
            await asyncio.get_running_loop().sock_sendall(plug, GET)
            await eventually(lambda: len(door.departures) == 1)
            if stopped:
                plug.shutdown(socket.SHUT_WR)
                await asyncio.sleep(0.05)
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        async with asyncio.timeout(2):
            await eventually(lambda: door.left == 1)


async def test_before_a_reply_is_written_it_is_looked_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.gateway.patience._FIRST_LOOKS", (60.0,))
    async with doored("tcp", tmp_path) as door:
        with door.call() as plug:
            await asyncio.get_running_loop().sock_sendall(plug, GET)
            await eventually(lambda: len(door.departures) == 1)
        await asyncio.sleep(0.02)
        assert door.left == 0
        door.open.set()
        await eventually(lambda: not door.server.connections)
        assert door.left == 1


async def test_a_body_that_ends_before_its_end_ends_the_connection(tmp_path: Path) -> None:
    async with doored("tcp", tmp_path) as door:
        with door.call() as plug:
            await asyncio.get_running_loop().sock_sendall(plug, HALF_A_BODY)
            plug.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                assert await all_of(plug) == b""
        assert door.left == len(door.departures) == 1


@pytest.mark.parametrize("sent", [b"", b"GET / HT"])
async def test_an_idle_connection_ends_with_the_callers_end(sent: bytes, tmp_path: Path) -> None:
    async with doored("tcp", tmp_path) as door:
        with door.call() as plug:
            await asyncio.get_running_loop().sock_sendall(plug, sent)
            await eventually(lambda: len(door.server.connections) == 1)
            plug.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(1):
                assert await all_of(plug) == b""
        assert door.departures == []


async def test_a_request_that_meets_its_callers_end_on_the_way_to_its_handler_is_answered_once(tmp_path: Path) -> None:
    """Request and end in one segment, many times: wherever between two turns of the loop the end is seen."""
    async with doored("tcp", tmp_path) as door:
        door.open.set()
        for _ in range(50):
            with door.call() as plug:
                plug.send(GET)
                plug.shutdown(socket.SHUT_WR)
                assert (await all_of(plug)).count(b"HTTP/1.1 200") == 1


async def test_who_cannot_be_looked_up_is_taken_to_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.gateway.patience._TABLES", (tmp_path / "none",))
    patience._tables.cache_clear()  # noqa: SLF001  # what another test has read a moment ago
    monkeypatch.delattr("select.poll")
    async with doored("tcp", tmp_path) as door:
        with door.call() as plug:
            await asyncio.get_running_loop().sock_sendall(plug, GET)
            plug.shutdown(socket.SHUT_WR)
            await eventually(lambda: len(door.departures) == 1)
            await asyncio.sleep(0.05)
            door.open.set()
            assert (await all_of(plug)).endswith(b"reply 1")
        assert door.left == 0


async def test_an_end_that_we_make_is_no_departure(tmp_path: Path) -> None:
    async with doored("tcp", tmp_path) as door:
        with door.call() as plug:
            await asyncio.get_running_loop().sock_sendall(plug, GET)
            await eventually(lambda: len(door.departures) == 1)
            (connection,) = door.server.connections
            connection.end()
            await asyncio.sleep(0.02)
            door.open.set()
            await eventually(lambda: not door.server.connections)
        assert door.left == 0
