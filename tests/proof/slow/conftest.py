"""A FinHub in plain HTTP, the real sidecar, and a caller that does everything right while others do not."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from mutual import soon
from origin import serving
from playground import ENVIRON, GRANT, configuration
from staging import SidecarProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from origin import Visit

    Start = Callable[..., AbstractAsyncContextManager["Place"]]

PIECE = b"x" * 65536
EVERY = 0.1  # seconds from one request of the good caller to the next


async def talk(visit: Visit) -> None:
    """Answer logins, `/large/BYTES` with so many bytes, and everything else with a word."""
    while True:
        asked = await visit.request()
        if asked.target.startswith(b"/api/v2/auth/"):
            await visit.send(_head(len(GRANT)), GRANT)
        elif asked.target.startswith(b"/large/"):
            size = int(asked.target.removeprefix(b"/large/"))
            await visit.send(_head(size), *_pieces(size))
        else:
            await visit.send(_head(2), b"ok")


def _head(size: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size


def _pieces(size: int) -> Iterator[bytes]:
    while size:
        yield PIECE[:size]
        size -= min(size, len(PIECE))


@dataclass
class Good:
    """What the good caller saw: each reply's status (0: none), and how long it took."""

    statuses: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def worst(self) -> float:
        return max(self.seconds)


@dataclass
class Place:
    """The sidecar under attack."""

    process: SidecarProcess
    memory: list[int] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.process.listen.rpartition(":")[2])

    def connect(self) -> Any:
        return asyncio.open_connection("127.0.0.1", self.port)

    @contextlib.asynccontextmanager
    async def good_caller(self) -> AsyncIterator[Good]:
        """Let one caller ask every tenth of a second, over a connection of its own each time; note the memory too."""
        good = Good()
        task = asyncio.create_task(self._ask_on(good))
        try:
            yield good
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _ask_on(self, good: Good) -> None:
        while True:
            began = time.monotonic()
            good.statuses.append(await self._ask())
            good.seconds.append(time.monotonic() - began)
            self.memory.append(self.process.memory("VmRSS"))
            await asyncio.sleep(max(0.0, EVERY - good.seconds[-1]))

    async def _ask(self) -> int:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await self.connect()
            try:
                writer.write(b"GET /api/good HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return int((await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1])
            finally:
                writer.close()
        return 0


@pytest.fixture
def place(tmp_path: Path) -> Start:
    """Put up a place; `listen` and `upstream` are further lines of those sections."""

    @contextlib.asynccontextmanager
    async def start(*, listen: str = "", upstream: str = "") -> AsyncIterator[Place]:
        async with serving(talk) as origin:
            config = tmp_path / "sidecar.toml"
            config.write_text(configuration(origin.url, listen=listen, upstream=upstream))
            process = SidecarProcess(["run", "--config", str(config)], ENVIRON, tmp_path, 1)
            try:
                process.start().listening()
                await soon(lambda: bool(process.lines("session minted")), "the first login", within=10)
                yield Place(process)
                assert process.process.poll() is None, process.stderr
            finally:
                process.end(signal.SIGKILL)

    return start
