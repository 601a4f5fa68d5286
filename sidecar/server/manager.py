"""What a service manager is told of a running sidecar: that it serves, how it is, that it lives, that it ends.

Thin. Signs of life come from the event loop, and only while what keeps the session runs: a process that hangs, or that
serves on a session which nobody keeps, is started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from typing import TYPE_CHECKING, Final

from sidecar.admin import health
from sidecar.server import notify, watchdog
from sidecar.server.notify import Notify

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, MutableMapping

    from sidecar.app.sidecar import Sidecar

_TICK: Final = 1.0
"""Seconds, at most, between two looks at the state."""

_BESIDES: Final = 10.0
"""Seconds that the way down may take beside what `[drain]` allows: goodbyes on both sides."""

_MICRO: Final = 1_000_000


@contextlib.asynccontextmanager
async def told(sidecar: Sidecar, environ: MutableMapping[str, str]) -> AsyncIterator[None]:
    """Keep the manager that `environ` names told about `sidecar` until the block ends."""
    pings = watchdog.every(environ, os.getpid())
    way = Notify.of(environ)
    if way is None:
        yield
        return
    manager = Manager(sidecar, way, pings)
    sidecar.reloading = manager.reloading
    task = asyncio.create_task(manager.attend(), name="service manager")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        way.close()


class Manager:
    """The manager as the sidecar sees it; `every` is the seconds between two signs of life."""

    def __init__(self, sidecar: Sidecar, way: Notify, every: float) -> None:
        self._sidecar = sidecar
        self._way = way
        self._watchdog = watchdog.Watchdog(every)
        self._tick = min(_TICK, every / 2)
        self._owed: tuple[str, ...] = ()
        self._status = ""
        self._reloads = 0
        self._is_ready = False

    async def attend(self) -> None:
        """Tell when it serves and that it ends, and in between how it is; until cancelled."""
        await self._sidecar.up.wait()
        self._is_ready = True
        self._must(notify.READY)
        while not await self._ends():
            self._look()
        self._is_ready = False
        self._must(notify.STOPPING, self._extension())
        while True:
            await asyncio.sleep(self._tick)
            self._look()

    @contextlib.contextmanager
    def reloading(self) -> Iterator[None]:
        """Tell of a reload for the time of the block."""
        self._reloads += 1
        if self._is_ready:
            self._must(notify.RELOADING, f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            yield
        finally:
            self._reloads -= 1
            if self._is_ready and not self._reloads:
                self._must(notify.READY)

    async def _ends(self) -> bool:
        """Let a tick pass, or less until somebody wants the end; tell whether that is so."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._tick):
                await self._sidecar.quit.wait()
        return self._sidecar.quit.is_set()

    def _look(self) -> None:
        """Tell what is owed and what has changed; a sign of life, where one is due and true."""
        if self._owed:
            self._must(*self._owed)
        status = self._words()
        if status != self._status and self._way.tell(status):
            self._status = status
        if self._sidecar.at_work and self._watchdog.due(time.monotonic()):
            self._way.tell(notify.PING)

    def _must(self, *words: str) -> None:
        """Tell what the manager waits for; said again at the next look where it was not taken."""
        status = self._words()
        self._owed = () if self._way.tell(*words, status) else words
        self._status = "" if self._owed else status

    def _words(self) -> str:
        sidecar = self._sidecar
        if not sidecar.at_work:
            return notify.status("what keeps the session has ended: see `unexpected failure` in the log")
        vitals = sidecar.vitals()
        told = "draining" if sidecar.quit.is_set() else health.ready(vitals).reason
        broken = "; the last reload was refused, see the log" if sidecar.broken else ""
        session = "" if vitals.session in told else f"; session {vitals.session}"
        return notify.status(f"{told}{session}{broken}")

    def _extension(self) -> str:
        """Return the time that the way down may take, whatever the unit says: the configuration decides."""
        drain = self._sidecar.config.drain
        return f"EXTEND_TIMEOUT_USEC={int((drain.min + drain.max + _BESIDES) * _MICRO)}"
