"""Heads of requests that were parsed before: programs send the same fields again and again.

Pure. What the parser made of some bytes it would make of the same bytes again, so it need not be asked. Only requests
without a body are remembered, and only while they are few and short.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sidecar.rawfields import RawFields

MOST: Final = 64
LONGEST: Final = 2048
"""So many heads are remembered, each of so many bytes at most; beyond, the oldest is forgotten."""

# A part of what the parser takes (RFC 9112 §3); whatever else there is, it is asked.
_LINE: Final = re.compile(rb"(GET|HEAD|OPTIONS) (/[!\"$-~]*) HTTP/1\.1")
_END: Final = b"\r\n\r\n"


class Known:
    """What the fields of a head say. Each is itself alone, whatever it says: what is worked out for it hangs on it."""

    __slots__ = ("fields", "last")

    def __init__(self, fields: RawFields, *, last: bool) -> None:
        self.fields = fields
        self.last = last


class Heads:
    """The heads that one listener remembers; `longest_target` is the bound of its request targets, in bytes."""

    def __init__(self, longest_target: int) -> None:
        self._longest_target = longest_target
        self._known: dict[bytes, Known] = {}

    def recall(self, data: bytes) -> tuple[bytes, str, str, Known] | None:
        """Return request line, method, target and what is known of `data`; None unless it is one request as before."""
        line, _, block = data.partition(b"\r\n")
        known = self._known.get(block)
        if known is None:
            return None
        found = _LINE.fullmatch(line)
        if found is None or len(found[2]) > self._longest_target:
            return None
        return line, found[1].decode(), found[2].decode(), known

    def learn(self, data: bytes, fields: RawFields, *, last: bool) -> Known | None:
        """Remember what the parser made of `data`, one request without a body; None where it cannot be recalled."""
        line, _, block = data.partition(b"\r\n")
        if len(block) > LONGEST or not block.endswith(_END) or block.find(_END) != len(block) - len(_END):
            return None
        if not _LINE.fullmatch(line):
            return None
        if block in self._known:
            return self._known[block]
        forget_oldest(self._known, MOST)
        self._known[block] = known = Known(fields, last=last)
        return known


def forget_oldest(kept: dict[Any, Any], most: int) -> None:
    """Make room for one more in what holds so many at most."""
    while len(kept) >= most:
        del kept[next(iter(kept))]
