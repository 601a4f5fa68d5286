from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING

import pytest
from stage import eventually

from sidecar.gateway.untaken import untaken

if TYPE_CHECKING:
    from pathlib import Path


async def connected(kind: str, path: Path) -> tuple[asyncio.WriteTransport, socket.socket, asyncio.Server]:
    """Return the writing end of a connection, and the plain socket at the other end."""
    loop = asyncio.get_running_loop()
    made: asyncio.Future[asyncio.WriteTransport] = loop.create_future()

    class End(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.set_result(transport)  # type: ignore[arg-type]  # of a stream, it is one

    other = socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET)
    other.setblocking(False)  # noqa: FBT003  # the standard library's signature
    if kind == "unix":
        server = await loop.create_unix_server(End, path / "s")
        await loop.sock_connect(other, str(path / "s"))
    else:
        server = await loop.create_server(End, "127.0.0.1", 0)
        await loop.sock_connect(other, server.sockets[0].getsockname())
    return await made, other, server


@pytest.mark.parametrize("kind", ["tcp", "unix"])
async def test_what_the_other_end_takes_counts_no_more_be_it_ever_so_little(kind: str, tmp_path: Path) -> None:
    transport, other, server = await connected(kind, tmp_path)
    transport.write(bytes(8_000_000))
    before = untaken(transport)
    assert before > transport.get_write_buffer_size() or kind == "unix"
    loop, taken = asyncio.get_running_loop(), 0
    while untaken(transport) >= before:
        taken += len(await loop.sock_recv(other, 65536))
    assert taken < 2_000_000
    while taken < 8_000_000:
        taken += len(await loop.sock_recv(other, 1 << 20))
    await eventually(lambda: untaken(transport) == 0)
    transport.close()
    other.close()
    server.close()


async def test_of_a_connection_that_is_gone_nothing_is_untaken(tmp_path: Path) -> None:
    transport, other, server = await connected("tcp", tmp_path)
    transport.abort()
    await asyncio.sleep(0.01)
    assert untaken(transport) == 0
    other.close()
    server.close()


async def test_where_the_kernel_does_not_tell_our_own_buffer_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport, other, server = await connected("tcp", tmp_path)
    monkeypatch.setattr(sys, "platform", "other")
    transport.write(bytes(8_000_000))
    assert untaken(transport) == transport.get_write_buffer_size()
    transport.abort()
    other.close()
    server.close()
