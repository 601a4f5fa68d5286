"""What is written in one turn of the event loop: all of it at the turn's end, one piece right behind the other.

Whoever reads at the other end is woken once then, and not for each piece, which costs more than the piece itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

_MOST: Final = 64
"""Pieces for which a turn is not waited for: whoever came first has waited long enough."""


class Writer(Protocol):
    """One that has something to write."""

    def write_now(self) -> None:
        """Write what waits, if anything does; never raises."""
        ...


class Turn:
    """Has everybody write at the end of the loop's turn in which they were added.

    `alone` tells that nobody else has anything to write, or soon will: then nobody waits.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, alone: Callable[[], bool]) -> None:
        self._loop = loop
        self._alone = alone
        self._waiting: list[Writer] = []

    def add(self, writer: Writer) -> None:
        """Have `writer` write before anything more is read."""
        waiting = self._waiting
        if not waiting:
            if self._alone():
                writer.write_now()
                return
            self._loop.call_soon(self._write_all)
        waiting.append(writer)
        if len(waiting) >= _MOST:
            self._write_all()

    def _write_all(self) -> None:
        waiting = self._waiting.copy()
        self._waiting.clear()
        for writer in waiting:
            writer.write_now()
