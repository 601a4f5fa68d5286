from __future__ import annotations

import asyncio
import socket

import pytest
from operating import ask, refused

from sidecar import events
from sidecar.demo.stage import free_or_any, stage
from sidecar.errors import ListenError

ANY = "127.0.0.1:0"


async def test_both_run_until_the_block_ends_and_leave_nothing_behind() -> None:
    told: list[events.Event] = []
    async with stage(told.append, token_lifetime=60, listen=ANY, admin=ANY) as running:
        port = int(running.url.rpartition(":")[2])
        assert running.url == f"http://127.0.0.1:{port}"
        assert (await ask(port, "GET", "/api/v2.1/wallets/w-1/balance")).status == 200
        assert running.emulator.counts.logins == 1
        folder = running.folder
        assert (folder / "sidecar.toml").exists()
    assert not folder.exists()
    assert await refused(port)
    assert isinstance(told[-1], events.Stopped)


async def test_the_block_is_told_when_the_sidecar_is_done() -> None:
    async with stage(lambda _: None, token_lifetime=60, listen=ANY, admin=ANY) as running:
        assert (await ask(int(running.sidecar.admin.rpartition(":")[2]), "POST", "/-/quit")).status == 200
        async with asyncio.timeout(5):
            await running.done


async def test_a_port_in_use_is_told_before_the_block() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ListenError, match=address):
            async with stage(lambda _: None, token_lifetime=60, listen=address, admin=ANY):
                pytest.fail("it listens")


async def test_an_address_is_taken_where_it_is_free_and_another_port_where_it_is_not(unused_tcp_port: int) -> None:
    wanted = f"127.0.0.1:{unused_tcp_port}"
    assert await free_or_any(wanted) == wanted
    with socket.create_server(("127.0.0.1", unused_tcp_port)):
        assert await free_or_any(wanted) == ANY
