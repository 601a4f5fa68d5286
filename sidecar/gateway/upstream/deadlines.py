"""Deadlines of many connections, swept by one timer: to set one later than the earliest is to write an attribute."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import asyncio

NEVER: Final = math.inf


class Expiring(Protocol):
    """What has a deadline, in the loop's seconds; `expire` is called once it is past, until it is set anew."""

    deadline: float

    def expire(self) -> None:
        """Do what the deadline was set for."""
        ...


class Deadlines:
    """The deadlines of all that is watched.

    The timer is set to the earliest deadline there was; when it fires and that one has been moved meanwhile, it is
    set to the earliest there is.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: set[Expiring] = set()
        self._next = NEVER
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, one: Expiring) -> None:
        """Look after the deadline of `one` from now on."""
        self._watched.add(one)

    def forget(self, one: Expiring) -> None:
        """Look after it no more; with the last one the timer ends."""
        self._watched.discard(one)
        if not self._watched:
            self._set_timer(NEVER)

    def give(self, one: Expiring, seconds: float) -> None:
        """Let `one` expire in `seconds`, unless its deadline is set anew."""
        one.deadline = when = self._loop.time() + seconds
        if when < self._next:
            self._set_timer(when)

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = when
        self._timer = None if when == NEVER else self._loop.call_at(when, self._sweep)

    def _sweep(self) -> None:
        self._timer, self._next = None, NEVER
        now = self._loop.time()
        for one in [one for one in self._watched if one.deadline <= now]:
            one.deadline = NEVER
            one.expire()
        earliest = min((one.deadline for one in self._watched), default=NEVER)
        if earliest < self._next:
            self._set_timer(earliest)
