from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING

import pytest
from otherusers import NOBODY, ONLY_ROOT, acting_as, common_folder

from sidecar.gateway import peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture
def folder() -> Iterator[Path]:
    with common_folder() as made:
        yield made


@contextlib.asynccontextmanager
async def accepted(folder: Path, user: int | None = None) -> AsyncIterator[asyncio.BaseTransport]:
    """Yield our end of a connection over a Unix socket that `user` opened."""
    arrived: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()
    server = await asyncio.start_unix_server(lambda _, writer: arrived.set_result(writer), folder / "s")
    (folder / "s").chmod(0o666)
    with contextlib.nullcontext() if user is None else acting_as(user):
        _, caller = await asyncio.open_unix_connection(folder / "s")
    ours = await arrived
    try:
        yield ours.transport
    finally:
        for end in (caller, ours, server):
            end.close()


async def test_it_is_the_user_that_connected(folder: Path) -> None:
    async with accepted(folder) as transport:
        assert peer.uid_of(transport) == os.geteuid()


@ONLY_ROOT
async def test_it_is_the_user_at_the_moment_of_connecting_whoever_that_is_by_now(folder: Path) -> None:
    async with accepted(folder, NOBODY) as transport:
        assert os.geteuid() == 0
        assert peer.uid_of(transport) == NOBODY


async def test_over_tcp_nobody_is_told() -> None:
    arrived: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(lambda _, writer: arrived.set_result(writer), "127.0.0.1", 0)
    _, caller = await asyncio.open_connection(*server.sockets[0].getsockname())
    ours = await arrived
    assert peer.uid_of(ours.transport) is None
    for end in (caller, ours, server):
        end.close()


async def test_once_the_connection_is_gone_nobody_is_told(folder: Path) -> None:
    assert peer.uid_of(None) is None
    async with accepted(folder) as transport:
        transport.close()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert peer.uid_of(transport) is None


async def test_where_the_platform_does_not_tell_nobody_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert peer.are_told()
    async with accepted(folder) as transport:
        monkeypatch.delattr(socket, "SO_PEERCRED")
        assert not peer.are_told()
        assert peer.uid_of(transport) is None
