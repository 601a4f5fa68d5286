"""A connection to FinHub knows whether it was ended on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientPayloadError

from sidecar.wire.client import open_client
from sidecar.wire.connection import EndAware, ended_in_order

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

UNFRAMED = b"HTTP/1.1 200 OK\r\n\r\npart"
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
    async with answering(UNFRAMED, end="fin") as (url, _), open_client() as http, http.get(url) as reply:
        assert await reply.read() == b"part"


async def test_a_body_that_the_end_delimits_is_cut_by_a_reset() -> None:
    async with answering(UNFRAMED, end="rst") as (url, _), open_client() as http, http.get(url) as reply:
        with pytest.raises(ClientPayloadError):
            await reply.read()


async def test_the_end_of_a_connection_that_we_have_closed_already_is_nothing_to_look_into() -> None:
    class Closed(asyncio.Transport):
        def is_closing(self) -> bool:
            return True

        def get_extra_info(self, name: str, default: object = None) -> object:
            raise AttributeError(f"{name}, {default}")  # as asyncio's does, closed twice

    assert not ended_in_order(Closed())
    assert not ended_in_order(None)
    connection = EndAware(asyncio.get_running_loop())
    connection.transport = Closed()
    connection.eof_received()
    connection.transport = None
