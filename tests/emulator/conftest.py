"""A FinHub for each test, and a client of it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from finhub import Client, FakeClock, client_context

from sidecar.emulator import Emulator, Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def start(clock: FakeClock, tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Client]]]:
    """Start an emulator with these settings and return a client of it, with the right certificate."""
    async with contextlib.AsyncExitStack() as stack:

        async def build(**settings: Any) -> Client:
            emulator = await stack.enter_async_context(Emulator(Settings(**settings), clock=clock))
            folder = tmp_path / str(emulator.port)
            await emulator.write(folder)
            connector = aiohttp.TCPConnector(ssl=client_context(emulator, folder))
            return Client(emulator, await stack.enter_async_context(aiohttp.ClientSession(connector=connector)))

        yield build


@pytest.fixture
async def client(start: Callable[..., Awaitable[Client]]) -> Client:
    """A client of a production FinHub, logged in."""
    client = await start(environment="production")
    assert (await client.log_in()).status == 200
    return client
