"""A connection to FinHub knows what it heard and how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientPayloadError

from sidecar.wire.client import NotSent, open_client
from sidecar.wire.connection import UpstreamConnection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

UNFRAMED = b"HTTP/1.1 200 OK\r\n\r\npart"
FRAMED = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
RESET = struct.pack("ii", 1, 0)


@contextlib.asynccontextmanager
async def answering(reply: bytes, *, end: str = "") -> AsyncIterator[tuple[str, list[object]]]:
    """Answer each request with `reply`, then end the connection by "fin" or "rst"; yield URL and connections."""
    connections: list[object] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(reply)
                await writer.drain()
                if end == "rst":
                    await asyncio.sleep(0.05)
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    writer.transport.abort()
                if end:
                    break
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", connections


async def test_a_body_that_the_end_delimits_is_whole_when_the_end_was_meant() -> None:
    async with answering(UNFRAMED, end="fin") as (url, _), open_client(pooled=True) as http, http.get(url) as reply:
        assert await reply.read() == b"part"


async def test_a_body_that_the_end_delimits_is_cut_by_a_reset() -> None:
    async with answering(UNFRAMED, end="rst") as (url, _), open_client(pooled=True) as http, http.get(url) as reply:
        with pytest.raises(ClientPayloadError):
            await reply.read()


@pytest.mark.parametrize(("reply", "opened"), [(FRAMED, 1), (FRAMED + b"\r\nmore", 2)])
async def test_bytes_behind_a_whole_reply_end_the_use_of_a_connection(reply: bytes, opened: int) -> None:
    async with answering(reply) as (url, connections), open_client(pooled=True) as http:
        for _ in range(2):
            with contextlib.suppress(NotSent):
                async with http.get(url) as got:
                    await got.read()
            await asyncio.sleep(0.05)
        assert len(connections) == opened


@pytest.mark.parametrize(("reply", "heard"), [(b"", False), (b"HTTP/1.1 200", True)])
async def test_it_is_known_whether_anything_came_before_the_end(reply: bytes, heard: bool) -> None:  # noqa: FBT001  # a row of the table
    async with answering(reply, end="fin") as (url, _), open_client(pooled=True) as http:
        with pytest.raises(NotSent) as lost:
            await http.get(url)
        assert lost.value.heard is heard


# ── how long FinHub keeps an idle connection ────────────────────────────────────────────────────────────────────


class Clock:
    """A clock that stands still unless a test moves it."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def keeping(*fields: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + b"".join(field + b"\r\n" for field in fields) + b"\r\nok"


@pytest.mark.parametrize(
    ("fields", "idle", "opened"),
    [
        ((b"Keep-Alive: timeout=5",), 4.0, 1),
        ((b"Keep-Alive: timeout=5",), 4.1, 2),
        ((b"keep-alive: max=7, TIMEOUT=5",), 4.1, 2),
        ((b"Keep-Alive: timeout=1",), 0.1, 2),
        ((b"Keep-Alive: timeout=0",), 0.1, 2),
        ((b"Keep-Alive: max=100",), 50.0, 1),
        ((), 50.0, 1),
    ],
)
async def test_a_connection_is_not_used_once_it_rested_nearly_as_long_as_finhub_keeps_it(
    fields: tuple[bytes, ...], idle: float, opened: int
) -> None:
    clock = Clock()
    async with answering(keeping(*fields)) as (url, connections), open_client(pooled=True, clock=clock) as http:
        for _ in range(2):
            async with http.post(url) as reply:
                await reply.read()
            clock.now += idle
        assert len(connections) == opened


async def test_nothing_is_sent_to_a_server_that_forgot_the_connection_as_it_said_it_would() -> None:
    """The server closes nothing: a request on the old connection would be swallowed, as by a firewall in between."""
    clock, swallowed, answered = Clock(), [], []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answered.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(keeping(b"Keep-Alive: timeout=5"))
        swallowed.append(await reader.read())
        writer.close()

    async with (
        await asyncio.start_server(serve, "127.0.0.1", 0) as server,
        open_client(pooled=True, clock=clock) as http,
    ):
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        for _ in range(3):
            async with asyncio.timeout(5), http.post(url) as reply:
                assert await reply.read() == b"ok"
            clock.now += 4.5
    assert len(answered) == 3
    assert b"".join(swallowed) == b""


async def test_the_rest_is_counted_from_the_end_of_the_reply_and_by_what_was_told_last() -> None:
    clock, half = Clock(), asyncio.Event()
    connections = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(keeping(b"Keep-Alive: timeout=5")[:-1])
            await half.wait()
            writer.write(b"k")
            await reader.readuntil(b"\r\n\r\n")
            writer.write(FRAMED)
            await reader.readuntil(b"\r\n\r\n")
            writer.write(keeping(b"Keep-Alive: timeout=20"))
            await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with (
        await asyncio.start_server(serve, "127.0.0.1", 0) as server,
        open_client(pooled=True, clock=clock) as http,
    ):
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with http.get(url) as reply:
            clock.now += 100.0
            half.set()
            assert await reply.read() == b"ok"
        for idle in (3.0, 3.0, 15.0):
            clock.now += idle
            assert len(connections) == 1
            with contextlib.suppress(NotSent):
                async with http.get(url) as reply:
                    await reply.read()
        assert len(connections) == 1, "the third reply allowed more"


async def test_the_end_of_a_connection_that_we_have_closed_already_is_nothing_to_look_into() -> None:
    class Closed(asyncio.Transport):
        def is_closing(self) -> bool:
            return True

        def get_extra_info(self, name: str, default: object = None) -> object:
            raise AttributeError(f"{name}, {default}")  # as asyncio's does, closed twice

    connection = UpstreamConnection(asyncio.get_running_loop(), clock=lambda: 0.0)
    connection.transport = Closed()
    connection.eof_received()
    connection.transport = None
