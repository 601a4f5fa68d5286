"""Whether a trail is whole: each line follows the one before it, and says what it said when it was written.

Pure. Lines come in one by one, from all files of the trail, oldest first; what is remembered does not grow with them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Final

from sidecar.audit.chain import End, Link, read
from sidecar.audit.members import CONTINUED, REMOVED

_MOST: Final = 100
"""Faults, and notes, that are told one by one."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, where it shows, and the number of the line that it is about."""

    file: str
    line: int
    seq: int
    kind: str  # "changed" | "missing" | "order" | "foreign" | "empty" | "head"
    words: str


@dataclass(slots=True)
class Report:
    """What was found. The trail is whole if there are no `faults`; `notes` tell what is no fault.

    `first` and `last` are the numbers of the first and the last line, `head` is the last one's hash.
    """

    lines: int = 0
    first: int = 0
    last: int = 0
    head: str = ""
    faults: list[Fault] = field(default_factory=list)
    count: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Strange:
    """Bytes in a row that are no line of a trail: where they begin, and what can be said of them."""

    file: str
    line: int
    lines: int = 0
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    ended: bool = False  # by a newline

    def add(self, piece: bytes) -> None:
        self.lines += self.lines == 0 or self.ended
        text = piece.removesuffix(b"\n")
        self.size += len(text)
        self.digest.update(text)
        self.ended = len(text) < len(piece)


class Verifier:
    """Takes a trail's lines by `feed`, and tells by `finish` what it found.

    `after` is the hash that the first line must name as the one before it, for a trail whose older files are kept
    elsewhere; `head` a hash that some line must have, for one whose end may have been cut off.
    """

    def __init__(self, after: str = "", head: str = "") -> None:
        self._report = Report()
        self._after = after
        self._wanted = head
        self._end = End()
        self._unsure = 0  # lines before the next one that may have been any
        self._begun = False
        self._cut: Fault | None = None  # the trail begins later than it should, and no line says why yet
        self._cut_end = End()
        self._strange: _Strange | None = None
        self._file, self._number = "", 0

    def feed(self, file: str, number: int, piece: bytes) -> None:
        """Take a line with its newline, or a piece of one that is too long to be ours."""
        self._file, self._number = file, number
        link = read(piece.removesuffix(b"\n"))
        if link is None:
            self._strange = self._strange or _Strange(file, number)
            self._strange.add(piece)
            return
        self._settle(link, piece)
        self._report.lines += 1
        if not link.intact:
            self._fault(link.seq, "changed", f"line {link.seq} was changed: its hash is not the one of its bytes")
            self._unsure += 1
            return
        if not self._begun:
            self._begin(link)
        self._follow(link, piece)

    def finish(self) -> Report:
        """Return what was found; the trail is over."""
        report, strange = self._report, self._strange
        if strange is not None and not strange.ended and strange.lines == 1:
            self._note(
                f"{strange.file}:{strange.line} is torn: the sidecar was ended while it wrote it, or is writing it"
            )
        elif strange is not None:
            self._foreign(strange)
        if self._cut is not None:
            self._add(self._cut)
        if report.lines == 0:
            self._fault(0, "empty", "the trail holds no line")
        if self._wanted:
            self._fault(0, "head", f"no line has the hash {self._wanted}: the end was cut off, or made anew")
        report.last, report.head = self._end.seq, self._end.head
        return report

    # ── one line after the other ────────────────────────────────────────────────────────────────────────────

    def _begin(self, link: Link) -> None:
        """Look at the first line that can be trusted: where the trail does not begin with it, something must say so."""
        self._begun, self._report.first = True, link.seq
        before = End(link.seq - 1, link.prev)
        if self._after:
            if link.prev != self._after and not self._unsure:
                self._fault(link.seq, "missing", f"line {link.seq} does not follow {self._after}")
            self._end = before
        elif before.seq > self._unsure:
            words = f"{_lines(1, before.seq)} missing before line {link.seq}, and no line says that they were removed"
            self._cut, self._cut_end = Fault(self._file, self._number, link.seq, "missing", words), before
            self._end = before

    def _follow(self, link: Link, piece: bytes) -> None:
        expected = self._end.seq + 1
        gap = link.seq - expected
        if gap < 0:
            self._fault(link.seq, "order", f"line {link.seq} stands behind line {self._end.seq}: moved, or repeated")
            return
        if gap > self._unsure:
            gone = _lines(expected + self._unsure, link.seq - 1)
            self._fault(link.seq, "missing", f"{gone} missing before line {link.seq}")
        elif gap == 0 and link.prev != self._end.head:
            words = f"line {link.seq} does not follow line {link.seq - 1} as it stands: that one was replaced"
            self._fault(link.seq, "changed", words)
        self._end, self._unsure = End(link.seq, link.hash), 0
        if link.hash == self._wanted:
            self._wanted = ""
        if self._cut is not None and link.event == REMOVED:
            told = _members(piece)
            if (told.get("last"), told.get("head")) == (self._cut_end.seq, self._cut_end.head):
                self._cut = None
                self._note(f"lines 1 to {self._cut_end.seq} were removed, and a line says so (audit.keep)")

    def _settle(self, link: Link, piece: bytes) -> None:
        """Judge what came before this line and was none: it may tell of a torn one."""
        strange, self._strange = self._strange, None
        if strange is None:
            return
        if link.intact and link.event == CONTINUED and _tells_of(piece, strange):
            self._note(f"{strange.file}:{strange.line} is torn ({strange.size} bytes), and line {link.seq} says so")
            return
        self._foreign(strange)
        self._unsure += strange.lines

    def _foreign(self, strange: _Strange) -> None:
        seq, more = self._end.seq + self._unsure + 1, f", and {strange.lines - 1} more" if strange.lines > 1 else ""
        words = f"where line {seq} should be is no line of a trail{more}: changed, cut, or put in"
        self._add(Fault(strange.file, strange.line, seq, "foreign", words))

    # ── what is wrong ───────────────────────────────────────────────────────────────────────────────────────

    def _fault(self, seq: int, kind: str, words: str) -> None:
        self._add(Fault(self._file, self._number, seq, kind, words))

    def _note(self, words: str) -> None:
        if len(self._report.notes) < _MOST:
            self._report.notes.append(words)

    def _add(self, fault: Fault) -> None:
        self._report.count += 1
        if len(self._report.faults) < _MOST:
            self._report.faults.append(fault)


def _lines(first: int, last: int) -> str:
    return f"line {first} is" if first == last else f"lines {first} to {last} are"


def _tells_of(piece: bytes, strange: _Strange) -> bool:
    told = _members(piece)
    return bool(told.get("torn") == strange.size and told.get("torn_sha256") == strange.digest.hexdigest())


def _members(piece: bytes) -> dict[str, Any]:
    """Return what a line holds; nothing where somebody has made a line with a hash around what is no JSON."""
    try:
        told: dict[str, Any] = json.loads(piece)
    except (ValueError, RecursionError):
        return {}
    return told
