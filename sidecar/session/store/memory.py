"""Sessions in this process's memory: for many in one process, and for a parent whose workers ask it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Self

from sidecar.session.store import slot as rules
from sidecar.session.store.slot import Slot

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.session.store.store import Found


class MemoryStore:
    """The Store whose slots live as long as it does. `clock` tells seconds; nothing here waits."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._slots: defaultdict[str, Slot] = defaultdict(Slot)
        self._listeners: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def read(self, slot: str) -> Found:
        """Return the slot; see Store."""
        return rules.found(self._slots[slot], self._clock())

    async def take(self, slot: str, holder: str, seconds: float) -> Found:
        """Take the lease; see Store."""
        self._slots[slot], found = rules.take(self._slots[slot], holder, seconds, self._clock())
        return found

    async def renew(self, slot: str, holder: str, lease: int, seconds: float) -> bool:
        """Renew the lease; see Store."""
        self._slots[slot], held = rules.renewed(self._slots[slot], holder, lease, seconds, self._clock())
        return held

    async def release(self, slot: str, holder: str, lease: int) -> None:
        """Give the lease back; see Store."""
        self._slots[slot] = rules.released(self._slots[slot], holder, lease)
        self._tell(slot)

    async def publish(self, slot: str, holder: str, lease: int, entry: bytes, seconds: float) -> bool:
        """Publish an entry; see Store."""
        self._slots[slot], put = rules.published(self._slots[slot], holder, lease, entry, seconds, now=self._clock())
        self._tell(slot)
        return put

    def listen(self, slot: str, heard: Callable[[], None]) -> Callable[[], None]:
        """Tell of changes; see Store."""
        self._listeners[slot].append(heard)
        return lambda: self._listeners[slot].remove(heard)

    def _tell(self, slot: str) -> None:
        for heard in tuple(self._listeners[slot]):
            heard()
