"""Any engine, bounded: no call takes longer than two seconds, and one that is away is asked again now and then.

While the engine is away every call is Away at once, so that nobody waits for it and nobody is told twice; whoever
listens hears when it is back.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, Self, TypeVar

from sidecar import events
from sidecar.session.store.store import Away, Garbled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sidecar.events import Emit
    from sidecar.session.store.store import Found, Store

_Result = TypeVar("_Result")

PATIENCE: Final = 1.0
"""Seconds that one call may take. It is made twice before the engine is held to be away: that is the longest that it
holds up anybody, and every call can be made again."""

AGAIN: Final = 5.0
"""Seconds between two tries while it is away."""

_REMEDY: Final = "Look after the engine that session.store names: everybody goes on, but logs in for himself."


class Watched:
    """The Store `store`, of one tenant's, with a bound on every call. `clock` tells seconds.

    Attributes:
        name: what `/status` calls the engine; it holds no secret.
        up: whether the last call was answered.
    """

    def __init__(self, store: Store, *, name: str, tenant: str, emit: Emit, clock: Callable[[], float]) -> None:
        self.name = name
        self._tenant = tenant
        self.up = True
        self._store = store
        self._emit = emit
        self._clock = clock
        self._lost_at = 0.0
        self._listeners: list[tuple[str, Callable[[], None]]] = []
        self._trying: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._store.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.wait({self._trying})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._store.__aexit__(None, None, None)

    async def read(self, slot: str) -> Found:
        """Return the slot; see Store."""
        return await self._bounded(lambda: self._store.read(slot))

    async def take(self, slot: str, holder: str, seconds: float) -> Found:
        """Take the lease; see Store."""
        return await self._bounded(lambda: self._store.take(slot, holder, seconds))

    async def renew(self, slot: str, holder: str, lease: int, seconds: float) -> bool:
        """Renew the lease; see Store."""
        return await self._bounded(lambda: self._store.renew(slot, holder, lease, seconds))

    async def release(self, slot: str, holder: str, lease: int) -> None:
        """Give the lease back; see Store."""
        await self._bounded(lambda: self._store.release(slot, holder, lease))

    async def publish(self, slot: str, holder: str, lease: int, entry: bytes, seconds: float) -> bool:
        """Publish an entry; see Store."""
        return await self._bounded(lambda: self._store.publish(slot, holder, lease, entry, seconds))

    def listen(self, slot: str, heard: Callable[[], None]) -> Callable[[], None]:
        """Tell of changes, and of the engine's return; see Store."""
        one = slot, heard
        self._listeners.append(one)
        end = self._store.listen(slot, heard)

        def unlisten() -> None:
            self._listeners.remove(one)
            end()

        return unlisten

    # ── away, and back ──────────────────────────────────────────────────────────────────────────────────────

    async def _bounded(self, call: Callable[[], Awaitable[_Result]]) -> _Result:
        if not self.up:
            raise Away("the engine was away a moment ago")
        try:
            return await self._twice(call)
        except Away as error:
            self._lose(str(error))
            raise

    async def _twice(self, call: Callable[[], Awaitable[_Result]]) -> _Result:
        """Call once more where it was away: a process that got no turn for a moment looks just like that."""
        try:
            return await self._within(call)
        except Away:
            return await self._within(call)

    async def _within(self, call: Callable[[], Awaitable[_Result]]) -> _Result:
        try:
            async with asyncio.timeout(PATIENCE):
                return await call()
        except TimeoutError:
            raise Away(f"the engine has not answered within {PATIENCE:g} s") from None

    def _lose(self, why: str) -> None:
        if not self.up:
            return
        self.up, self._lost_at = False, self._clock()
        self._emit(events.StoreLost(tenant=self._tenant, detail=why, remedy=_REMEDY))
        self._trying = asyncio.create_task(self._try_again(), name="session-store")

    async def _try_again(self) -> None:
        while not self.up:
            await asyncio.sleep(AGAIN)
            self.up = await self._answers()
        self._emit(events.StoreBack(tenant=self._tenant, seconds=self._clock() - self._lost_at))
        for _, heard in tuple(self._listeners):
            heard()

    async def _answers(self) -> bool:
        slot = self._listeners[0][0] if self._listeners else ""
        try:
            await self._within(lambda: self._store.read(slot))
        except Away:
            return False
        except Garbled:  # it answers
            return True
        return True
