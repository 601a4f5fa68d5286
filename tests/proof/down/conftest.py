"""A FinHub in plain HTTP and sidecars in front of it that go down in every way."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from origin import serving
from playground import ENVIRON, GRANT, configuration
from staging import SidecarProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from origin import Asked, Visit

    Start = Callable[..., AbstractAsyncContextManager["House"]]

DRAIN = "\n[drain]\nmin = {}\nmax = {}\n"
LOGIN = b"/api/v2/auth/sandbox/token"
BODY = b"x" * 3000


@dataclass
class House:
    """FinHub's memory and the sidecars, one after the other."""

    folder: Path
    numbers: set[int] = field(default_factory=set)
    targets: list[bytes] = field(default_factory=list)
    processes: list[SidecarProcess] = field(default_factory=list)
    url: str = ""

    @property
    def temporary(self) -> Path:
        """Where the sidecars put what they should remove again."""
        return self.folder / "temporary"

    async def talk(self, visit: Visit) -> None:
        """Answer logins at once, `/slow/SECONDS` late and everything else within a moment."""
        while True:
            asked = await visit.request()
            await visit.send(await self._answer(asked))

    async def _answer(self, asked: Asked) -> bytes:
        self.targets.append(asked.target)
        self.numbers.update(int(number) for number in asked.get(b"X-Number"))
        if asked.target == LOGIN:
            return _whole(GRANT)
        await asyncio.sleep(float(asked.target.partition(b"/slow/")[2] or 0.02))
        return _whole(BODY)

    def start(
        self, *, listen: str = "127.0.0.1:0", admin: int = 0, drain_min: float = 0, drain_max: float = 25
    ) -> SidecarProcess:
        """Start one more sidecar and return at once."""
        config = self.folder / "sidecar.toml"
        drain = DRAIN.format(drain_min, drain_max)
        config.write_text(configuration(self.url, address=listen, admin=f"127.0.0.1:{admin}", more=drain))
        self.temporary.mkdir(exist_ok=True)
        environ = {**ENVIRON, "TMPDIR": str(self.temporary)}
        process = SidecarProcess(["run", "--config", str(config)], environ, self.folder, len(self.processes) + 1)
        self.processes.append(process)
        return process.start()


def _whole(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


@pytest.fixture
def house(tmp_path: Path) -> Start:
    """Put up a FinHub; whatever sidecar is left at the end is killed."""

    @contextlib.asynccontextmanager
    async def open_house() -> AsyncIterator[House]:
        house = House(tmp_path)
        async with serving(house.talk) as origin:
            house.url = origin.url
            try:
                yield house
            finally:
                for process in house.processes:
                    process.end(signal.SIGKILL)

    return open_house
