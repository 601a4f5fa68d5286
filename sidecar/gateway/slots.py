"""The connections to FinHub, counted: requests wait their turn, and a reply that nobody takes gives its own up."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sidecar import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOOK: Final = 0.5
"""Seconds between two looks for replies that can give way, while a request waits for a connection."""

_HELD_UP: Final = 3.0
"""Seconds without a caller's progress after which its reply gives way to requests that wait."""


@dataclass(slots=True, eq=False)
class Holdup:
    """A reply whose caller does not take it at the moment: what ends the waiting, and what tells of progress.

    Looked at again and again, it knows since when nothing was taken: `since`, None before the first look.
    `gives_way`: the waiting was ended for others.
    """

    patience: asyncio.Timeout
    unsent: Callable[[], int]
    since: float | None = None
    gives_way: bool = False
    _least: int = 0

    def stalled(self, now: float) -> float:
        """Return the seconds without progress, as far as it was looked at."""
        left = self.unsent()
        if self.since is None or left < self._least:
            self.since, self._least = now, left
        return now - self.since


class Slots:
    """So many connections at one time.

    Attributes:
        busy: those in use now.
        wait: seconds in which one must come free.
    """

    def __init__(self, connections: int, wait: float) -> None:
        self.busy = 0
        self._connections = connections
        self.wait = wait
        self._queue: deque[asyncio.Future[None]] = deque()
        self._holdups: set[Holdup] = set()
        self._waiting = 0
        self._next_look: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """Return how many requests wait for their turn."""
        return self._waiting

    def take_at_once(self) -> bool:
        """Tell whether a connection may be used now, and count it if so: nobody who waits is overtaken."""
        if self.busy >= self._connections or self._queue:
            return False
        self.busy += 1
        return True

    async def take(self) -> None:
        """Return once a connection may be used; ConnectionLimitReached when none came free in time."""
        if not self.take_at_once():
            await self._take_in_turn()

    def give(self) -> None:
        """Give a connection back: the first of those who wait has it now."""
        self.busy -= 1
        while self._queue and self.busy < self._connections:
            turn = self._queue.popleft()
            if not turn.done():
                self.busy += 1
                turn.set_result(None)

    @contextlib.contextmanager
    def held_up(self, patience: asyncio.Timeout, unsent: Callable[[], int]) -> Iterator[Holdup]:
        """Note, for the time of the context, that a caller is waited for, and that `patience` may end before its time.

        `unsent` tells the bytes that the caller has not taken yet.
        """
        holdup = Holdup(patience, unsent)
        self._holdups.add(holdup)
        try:
            yield holdup
        finally:
            self._holdups.discard(holdup)

    async def _take_in_turn(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        self._waiting += 1
        self._look_soon()
        try:
            async with asyncio.timeout(self.wait):
                await turn
        except BaseException as error:  # a cancellation may come behind the turn, and must not keep it
            self._leave(turn)
            if not isinstance(error, TimeoutError):
                raise
            raise errors.ConnectionLimitReached(
                f"all {self._connections} connections to FinHub stayed busy for {self.wait:g} s", retry_after=1
            ) from None
        finally:
            self._waiting -= 1

    def _leave(self, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():
            self.give()
        elif turn in self._queue:
            self._queue.remove(turn)

    def _look_soon(self) -> None:
        if self._next_look is None:
            self._next_look = asyncio.get_running_loop().call_later(_LOOK, self._make_room)

    def _make_room(self) -> None:
        """End the waiting for the callers that hold a reply up longest, one for each request that waits."""
        self._next_look = None
        if not self._waiting:
            return
        self._look_soon()
        now = asyncio.get_running_loop().time()
        seconds = [(one.stalled(now), one) for one in self._holdups if not one.patience.expired()]
        stalled = sorted((pair for pair in seconds if pair[0] >= _HELD_UP), key=lambda pair: -pair[0])
        for _, one in stalled[: self._waiting]:
            one.gives_way = True
            one.patience.reschedule(now)
