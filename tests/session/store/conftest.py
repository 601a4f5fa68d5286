"""Every engine that there is, behind the one door."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import redisserver
from redisserver import redis_door

from sidecar.session.store.file import FileStore
from sidecar.session.store.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from redisserver import RedisServer

    from sidecar.session.store.store import Store

ENGINES = ("memory", "file", "redis")


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine, and as many doors to it as a test asks for: each stands for a process of its own."""

    name: str
    door: Callable[[], AbstractAsyncContextManager[Store]]


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One server for all that only use it."""
    if redisserver.PROGRAM is None:
        pytest.skip(redisserver.MISSING)
    with redisserver.redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    if request.param == "memory":
        shared = MemoryStore(time.monotonic)
        return Engine("memory", lambda: contextlib.nullcontext(shared))
    if request.param == "file":
        return Engine("file", lambda: FileStore(str(tmp_path / "session"), time.time))
    server: RedisServer = request.getfixturevalue("redis")
    prefix = tmp_path.name
    return Engine("redis", lambda: redis_door(server.port, prefix))


@pytest.fixture
async def store(engine: Engine) -> AsyncIterator[Store]:
    async with engine.door() as store:
        yield store


@pytest.fixture
async def other(engine: Engine) -> AsyncIterator[Store]:
    """The same engine, as another process sees it."""
    async with engine.door() as store:
        yield store
