"""The listener that keeps the trail: events come in on the event loop, and a thread of its own writes them.

Thin. Nothing here waits on the loop: a line is put into a queue, and whether the trail can be written is known from
the last time that it was.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final, Literal

from sidecar import events
from sidecar.audit.members import AUDITED, BEGUN, CONTINUED, RESUMED
from sidecar.audit.scribe import Rules, Scribe, Waiting
from sidecar.audit.sink import FileSink
from sidecar.audit.stream import StreamSink
from sidecar.errors import AuditError
from sidecar.redact import births, living

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from sidecar.audit.sink import Sink
    from sidecar.config.model import Audit
    from sidecar.events import Emit
    from sidecar.redact import Secret

_LONGEST: Final = 0.1
"""Seconds that a line waits for others where `audit.fsync` does not ask for each at once."""

_AGAIN: Final = 1.0
"""Seconds between two tries to write a trail that could not be written."""

_FAREWELL: Final = 3.0
"""Seconds for the last lines when the process ends."""

_LAST_TRIES: Final = 10

_ROOM: Final = 8192
"""Lines that may wait. Beyond it requests are refused, or lines are lost, as `audit.on_failure` says."""

_ADMITTED: Final = 65_535
"""Lines that find room beyond that where requests are refused: so many were on their way at most."""

_REMEDY: Final = "Make room where audit.file lies, or give it a faster disk; it is tried again every second."


class Trail:
    """Keeps one trail. Call it with every event; `begin` it before, `close` it after the last one.

    `bar` is told why no request may be carried, and "" when they may again: with `audit.on_failure` "stop".
    `tell` takes events about the trail itself, from a thread of its own.

    Attributes:
        failing: why the trail cannot be written, in the system's words; "" as a rule.
        lost: lines that never will be.
        refused: requests that were refused meanwhile, and are counted instead of told.
    """

    def __init__(self, sink: Sink, rules: Rules, on_failure: Literal["stop", "count"]) -> None:
        self.failing = ""
        self._missed = 0
        self.refused = 0
        self.bar: Callable[[str], None] = lambda _: None
        self.tell: Emit = lambda _: None
        self._sink = sink
        self._scribe = Scribe(sink, rules, self._rotated)
        self._queue = self._scribe.waiting
        self._delay = 0.0 if rules.fsync == "always" else _LONGEST
        self._stops = on_failure == "stop"
        self._room = _ROOM + (_ADMITTED if self._stops else 0)
        self._told = (0, 0)  # of `lost` and `refused`
        self._births = -1
        self._secrets: tuple[Secret, ...] = ()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._write_on, name="audit", daemon=True)

    # ── on the event loop ───────────────────────────────────────────────────────────────────────────────────

    def __call__(self, event: events.Event) -> None:
        """Keep the event, if it is one that the trail holds."""
        if type(event) not in AUDITED:
            return
        if self.failing and self._stops and isinstance(event, events.Forwarded) and not event.attempts:
            self.refused += 1  # nothing was asked of FinHub; a caller that keeps trying must not fill the memory
            return
        waiting = self._queue.qsize()
        if waiting >= _ROOM and not self._keeps(waiting):
            self._missed += 1
            return
        if not waiting or births() != self._births:
            self._births, self._secrets = births(), ()  # first those of before go, unless a line holds them
            self._secrets = living()
        self._queue.put(Waiting(event, time.time(), self._secrets))

    def _keeps(self, waiting: int) -> bool:
        """Tell whether there is room for one more line where there should not be so many."""
        is_kept = waiting < self._room
        if self._stops and is_kept:  # before the line is put: once it is written, the bar goes
            self.bar(_why(self.failing))
        return is_kept

    @property
    def lost(self) -> int:
        """How many lines never came into the trail."""
        return self._missed + self._scribe.spoilt

    def shown(self) -> dict[str, Any]:
        """Return what `/status` shows of the trail."""
        end = self._scribe.written
        return {
            "file": self._sink.name,
            "seq": end.seq,
            "head": end.head,
            "waiting": self._scribe.left,
            "lost": self.lost,
            "refused": self.refused,
            "failing": self.failing or None,
        }

    # ── life ────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self) -> None:
        """Say that the trail is open, in itself and beside it; from now on it is written."""
        end, torn = self._sink.end, self._sink.torn
        members = {} if torn is None else {"torn": torn.size, "torn_sha256": torn.digest}
        self._tell_head("opened")
        self._scribe.add(BEGUN if not end.seq and torn is None else CONTINUED, members)
        self._thread.start()

    def close(self) -> None:
        """Write what waits and end; blocking, some seconds at most. What could not be written is told as lost."""
        if self._thread.ident is None:  # never begun
            self._sink.close()
            return
        self._ending.set()
        self._scribe.wake()
        self._thread.join(_FAREWELL)
        if self._thread.is_alive() or self._scribe.left:
            self._missed += self._scribe.left
            self._tell_failed(f"{self._scribe.left} lines are lost: {_why(self.failing)}")
        else:
            self._sink.close()
        self._tell_head("closed")

    # ── in the thread ───────────────────────────────────────────────────────────────────────────────────────

    def _write_on(self) -> None:
        self._write_out()
        while not self._ending.is_set():
            self._scribe.put_back(self._queue.get())
            self._ending.wait(self._delay)
            self._write_out()
        for _ in range(_LAST_TRIES):
            if self._try():
                return
            time.sleep(_FAREWELL / _LAST_TRIES / 2)

    def _write_out(self) -> None:
        """Return once all that waited is written, or the process ends."""
        while not self._try() and not self._ending.wait(_AGAIN):
            pass

    def _try(self) -> bool:
        """Write all that waits, and tell whether that went well."""
        try:
            self._scribe.write()
            if self.failing or self._told[0] != self.lost:
                self._resume()
        except OSError as error:
            self._fail(error.strerror or type(error).__name__)
            return False
        except Exception as error:  # noqa: BLE001  # a bug must not end the thread: nobody would write any more
            self.tell(events.bug(error))
            self._fail(f"unexpected {type(error).__name__}")
            return False
        if self._stops:
            self.bar("")
        return True

    def _resume(self) -> None:
        """Say in the trail what is not in it, then beside it."""
        lost, refused = self.lost, self.refused
        newly = events.TrailResumed(lost=lost - self._told[0], refused=refused - self._told[1])
        self._told = (lost, refused)
        self._scribe.add(RESUMED, {"lost": newly.lost, "refused": newly.refused, "cause": self.failing})
        self._scribe.write()
        self.failing = ""
        self.tell(newly)

    def _fail(self, cause: str) -> None:
        is_new = not self.failing
        self.failing = cause
        if self._stops:
            self.bar(_why(cause))
        if is_new:
            self._tell_failed(_why(cause))

    def _rotated(self, _: str) -> None:
        self._tell_head("rotated")

    def _tell_failed(self, detail: str) -> None:
        self.tell(events.TrailFailed(detail=detail, remedy=_REMEDY, stops=self._stops))

    def _tell_head(self, why: str) -> None:
        end = self._scribe.written
        self.tell(events.TrailHead(why=why, file=self._sink.name, seq=end.seq, head=end.head))


def _why(cause: str) -> str:
    """Return in words why no line can be written, or why too many wait."""
    if cause:
        return f"the audit trail cannot be written: {cause}"
    return "the audit trail cannot keep up: too many lines wait for the disk"


def opened(path: str, audit: Audit, stream: TextIO | None) -> Trail:
    """Return the trail at `path` as the configuration asks for it, not begun yet; "-" is `stream`.

    Raises:
        AuditError: it cannot be opened.
    """
    rules = Rules(fsync=audit.fsync, max_size=audit.max_size, keep=audit.keep)
    if path != "-":
        return Trail(FileSink(path), rules, audit.on_failure)
    if stream is None:
        raise AuditError('audit.file is "-", and there is no stdout', remedy="Name a file, or leave stdout open.")
    return Trail(StreamSink(stream.buffer), rules, audit.on_failure)
