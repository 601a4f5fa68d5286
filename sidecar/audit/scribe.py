"""Events that wait become lines of the chain, in order, and go to where the trail is kept.

Thin, and blocking: whoever calls this has a thread for it. What was made into a line and could not be written is kept
as it is, to the byte, and written first of all when it can be.
"""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from sidecar.audit.chain import seal
from sidecar.audit.members import REMOVED, body_of, note
from sidecar.redact import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sidecar.audit.sink import Sink
    from sidecar.events import Event
    from sidecar.redact import Secret

_CHUNK: Final = 65536
"""Characters of lines that are made and written in one go."""

_FRAME: Final = 180
"""Characters of a line besides its members: its number and two hashes."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event, when it happened by the wall clock, and the secrets that lived then: its line is searched for them."""

    event: Event
    at: float
    secrets: tuple[Secret, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When lines are forced to the disk, at what size another file is begun, how many old ones are kept (0: all)."""

    fsync: Literal["always", "batch", "never"]
    max_size: int
    keep: int


class Scribe:
    """Writes what is put into `waiting`.

    Attributes:
        waiting: events in their order; None stands for no event, and wakes whoever waits for one.
        end: the last line that was made.
        written: the last line that was written, and handed to the disk as the rules say.
        spoilt: lines that could not even be made.
    """

    def __init__(self, sink: Sink, rules: Rules, rotated: Callable[[str], None]) -> None:
        self.waiting: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self.end = self.written = sink.end
        self._sink = sink
        self._rules = rules
        self._rotated = rotated
        self._lines = b""  # made, and not written yet
        self.spoilt = 0
        self._first: Waiting | None = None
        self._woken = 0

    @property
    def left(self) -> int:
        """How many lines are not written, as they stand in memory."""
        queued = max(0, self.waiting.qsize() - self._woken)
        return self._lines.count(b"\n") + queued + (self._first is not None)

    def wake(self) -> None:
        """Wake whoever waits for an event: there will be no other."""
        self._woken = 1
        self.waiting.put(None)

    def put_back(self, one: Waiting | None) -> None:
        """Take what was just got from `waiting`, as the next of them."""
        self._first = one

    def write(self) -> None:
        """Write all that waits, and hand it to the disk as the rules say; OSError where that cannot be: it is kept."""
        self._put()
        while self._make_next():
            self._put()
        self._sync()

    def add(self, event: str, members: Mapping[str, Any]) -> None:
        """Make a line of the trail's own, the next one; `write` writes it."""
        self._make([note(event, time.time(), members)])

    def _make_next(self) -> bool:
        """Make lines of what waits, as many as are written in one go; tell whether anything waited."""
        taken: list[Waiting] = []
        try:
            if bodies := self._bodies(taken):
                self._make(_clean(bodies))
        except Exception:  # whatever it is: tried again, it would stop all others for ever, so these are told as lost
            self.spoilt += len(taken)
            raise
        return bool(taken)

    def _bodies(self, taken: list[Waiting]) -> list[str]:
        """Return the members of lines that wait, and add what they were made of to `taken`."""
        bodies: list[str] = []
        room = max(1, min(_CHUNK, self._rules.max_size - self._sink.size))
        while room > 0 and (one := self._take()) is not None:
            taken.append(one)  # and with it the secrets, until they have been looked for
            bodies.append(body_of(one.event, one.at))
            room -= len(bodies[-1]) + _FRAME
        return bodies

    def _take(self) -> Waiting | None:
        one, self._first = self._first, None
        if one is not None:
            return one
        try:
            return self.waiting.get_nowait()
        except queue.Empty:
            return None

    def _make(self, bodies: Iterable[str]) -> None:
        lines, end = [], self.end
        seq, head = end.seq, end.head
        for body in bodies:
            seq += 1
            line, head = seal(seq, body, head)
            lines.append(line)
        self._lines += ("\n".join(lines) + "\n").encode("ascii")
        self.end = type(end)(seq, head)

    def _put(self) -> None:
        """Write what was made, and begin another file behind it where this one is full."""
        self._hand_over()
        if self._sink.size >= self._rules.max_size:
            self._sync()
            self._rotated(self._sink.rotate())
            self._remove_oldest()

    def _hand_over(self) -> None:
        while self._lines:
            self._lines = self._lines[self._sink.write(self._lines) :]

    def _sync(self) -> None:
        self._sink.sync(hard=self._rules.fsync != "never")
        self.written = self.end

    def _remove_oldest(self) -> None:
        """Delete the files that are too many, after the trail has said so."""
        if not self._rules.keep:
            return
        names, end = self._sink.surplus(self._rules.keep)
        if not names:
            return
        oldest, newest = (name.rpartition("/")[2] for name in (names[0], names[-1]))
        range_of = {
            "files": len(names),
            "from": oldest,
            "to": newest,
        }  # by name: thousands would be too long for a line
        self.add(REMOVED, {**range_of, "last": end.seq, "head": end.head})
        self._hand_over()
        self._sync()
        self._sink.remove(names)


def _clean(bodies: list[str]) -> list[str]:
    """Return the bodies without any living secret; looking through all at once costs a fraction."""
    cleaned = redact("\n".join(bodies)).split("\n") if bodies else []
    # A secret with a line end in it has taken two for one.
    return cleaned if len(cleaned) == len(bodies) else [redact(body) for body in bodies]
