"""Sessions in one file, for the processes of one machine: sealed entries, and leases beside them.

Blocking work is done in threads. The file is written whole beside itself and renamed, so that nobody reads half of it,
and only under a lock, which the kernel takes from a process that dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Final, Self, TypeVar

from sidecar.session.store import filed
from sidecar.session.store import slot as rules
from sidecar.session.store.filed import LARGEST
from sidecar.session.store.slot import Slot
from sidecar.session.store.store import Away

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sidecar.session.store.store import Found

_Result = TypeVar("_Result")

_MODE: Final = 0o600
_LOOK: Final = 0.5
"""Seconds between two looks whether another process has changed the file."""

_LOCK_PATIENCE: Final = 0.8
_LOCK_PAUSE: Final = 0.01


class FileStore:
    """The Store in the file at `path`. `wall` is the wall clock: this machine's other clocks end with its uptime."""

    def __init__(self, path: str, wall: Callable[[], float]) -> None:
        self._path = path
        self._wall = wall
        self._listeners: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._looking = asyncio.create_task(self._look(), name="session-file")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})

    async def read(self, slot: str) -> Found:
        """Return the slot; see Store. A file that is not ours is Garbled, and never written over."""
        slots = await _in_thread(self._load)
        return rules.found(slots.get(slot, Slot()), self._wall())

    async def take(self, slot: str, holder: str, seconds: float) -> Found:
        """Take the lease; see Store."""
        return await self._change(slot, lambda one, now: rules.take(one, holder, seconds, now))

    async def renew(self, slot: str, holder: str, lease: int, seconds: float) -> bool:
        """Renew the lease; see Store."""
        return await self._change(slot, lambda one, now: rules.renewed(one, holder, lease, seconds, now))

    async def release(self, slot: str, holder: str, lease: int) -> None:
        """Give the lease back; see Store."""
        await self._change(slot, lambda one, _: (rules.released(one, holder, lease), None))
        self._tell(slot)

    async def publish(self, slot: str, holder: str, lease: int, entry: bytes, seconds: float) -> bool:
        """Publish an entry; see Store."""
        put = await self._change(slot, lambda one, now: rules.published(one, holder, lease, entry, seconds, now=now))
        self._tell(slot)
        return put

    def listen(self, slot: str, heard: Callable[[], None]) -> Callable[[], None]:
        """Tell of changes; see Store."""
        self._listeners[slot].append(heard)
        return lambda: self._listeners[slot].remove(heard)

    # ── changes that others make ────────────────────────────────────────────────────────────────────────────

    async def _look(self) -> None:
        before = None
        while True:
            await asyncio.sleep(_LOOK)
            mark = await asyncio.to_thread(_mark, self._path)
            if mark != before:
                before = mark
                for slot in tuple(self._listeners):
                    self._tell(slot)

    def _tell(self, slot: str) -> None:
        for heard in tuple(self._listeners[slot]):
            heard()

    # ── the file: in a thread ───────────────────────────────────────────────────────────────────────────────

    async def _change(self, slot: str, rule: Callable[[Slot, float], tuple[Slot, _Result]]) -> _Result:
        def change() -> _Result:
            with _locked(f"{self._path}.lock"):
                slots, now = self._load(), self._wall()
                changed, result = rule(slots.get(slot, Slot()), now)
                if changed != slots.get(slot, Slot()):
                    self._save(filed.encode({**slots, slot: changed}, now))
                return result

        return await _in_thread(change)

    def _load(self) -> dict[str, Slot]:
        try:
            with open(self._path, "rb") as file:  # noqa: PTH123  # the path is a plain str here
                return filed.decode(file.read(LARGEST + 1))
        except FileNotFoundError:
            return {}

    def _save(self, content: bytes) -> None:
        fresh = f"{self._path}.new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh)  # noqa: PTH108  # a str; of one who died here, with whatever mode
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
        with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self._path)  # noqa: PTH105  # a str
        _sync_folder(os.path.dirname(self._path) or ".")  # noqa: PTH120  # a str


async def _in_thread(work: Callable[[], _Result]) -> _Result:
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        raise Away(f"the file cannot be used: {error.strerror}") from None


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, _MODE)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)  # and with it the lock


def _lock(descriptor: int) -> None:
    ends = time.monotonic() + _LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= ends:
                raise Away("another process keeps the file locked") from None
            time.sleep(_LOCK_PAUSE)
        else:
            return


def _sync_folder(path: str) -> None:
    """Hand the rename itself to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _mark(path: str) -> tuple[int, int] | None:
    """Return what is another after each change: the file is never written in place."""
    try:
        found = os.stat(path)  # noqa: PTH116  # a str
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
