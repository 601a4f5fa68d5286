"""Many callers at once, over aiohttp's client."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp
from calling import PATIENCE, Got

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass(frozen=True, slots=True)
class Crowd:
    """Callers that share nothing but a URL; as many connections as there are calls."""

    http: aiohttp.ClientSession

    async def get(self, path: str) -> Got:
        return await self._ask("GET", path, None)

    async def post(self, path: str, body: bytes) -> Got:
        return await self._ask("POST", path, body)

    async def _ask(self, method: str, path: str, body: bytes | None) -> Got:
        async with self.http.request(method, path, data=body, skip_auto_headers=["Content-Type"]) as reply:
            return Got(reply.status, dict(reply.headers), await reply.read())


@contextlib.asynccontextmanager
async def crowd(url: str) -> AsyncIterator[Crowd]:
    """Return callers of `url`."""
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as http:
        yield Crowd(http)


@dataclass(slots=True)
class Load:
    """What callers under constant load saw: how often which status, and the last reply of each."""

    statuses: Counter[int] = field(default_factory=Counter)
    last: dict[int, Got] = field(default_factory=dict)

    def note(self, got: Got) -> None:
        self.statuses[got.status] += 1
        self.last[got.status] = got


async def constant_load(callers: Crowd, path: str, *, number: int, seconds: float, pause: float = 0.01) -> Load:
    """Let `number` callers ask for `path` over and over, `pause` seconds between reply and next request."""
    load = Load()
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds

    async def ask_on() -> None:
        while loop.time() < end:
            load.note(await callers.get(path))
            await asyncio.sleep(pause)

    async with asyncio.TaskGroup() as group:
        for _ in range(number):
            group.create_task(ask_on())
    return load
