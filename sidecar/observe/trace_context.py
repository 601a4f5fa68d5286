"""W3C trace context in header fields: what a caller's says, and fields with another one in its place.

Pure. Only `traceparent` is read. `tracestate` and `baggage` pass as they came, but for a `tracestate` without a
`traceparent` that it belongs to, which nobody may use.
Source: W3C Trace Context, §3.2 and §4.2.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from sidecar.rawfields import RawFields

_PARENT: Final = b"traceparent"
_STATE: Final = b"tracestate"

# Version, trace, parent, flags; a version that is newer than ours may have more behind them (§3.2.4).
_FORM: Final = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_OURS: Final = b"00"
_NEVER: Final = b"ff"


class Caller(NamedTuple):
    """The span in a caller that its request belongs to: three numbers."""

    trace_id: int
    span_id: int
    flags: int


def read(fields: RawFields) -> Caller | None:
    """Return what the caller's one `traceparent` says; None where there is none, more than one, or no legal one."""
    found = [value for name, value in fields if name.lower() == _PARENT]
    match = _FORM.fullmatch(found[0].strip(b" \t")) if len(found) == 1 else None
    if match is None:
        return None
    version, *numbers, more = match.groups()
    caller = Caller(*(int(number, 16) for number in numbers))
    is_legal = version != _NEVER and not (version == _OURS and more) and caller.trace_id and caller.span_id
    return caller if is_legal else None


def spelt(trace_id: int, span_id: int, flags: int) -> bytes:
    """Return the value of a `traceparent` field."""
    return b"00-%032x-%016x-%02x" % (trace_id, span_id, flags)


def carrying(fields: RawFields, traceparent: bytes, *, is_continued: bool) -> RawFields:
    """Return `fields` with this `traceparent` for every other; where no trace is continued, without `tracestate`."""
    dropped = {_PARENT} if is_continued else {_PARENT, _STATE}
    return (*(field for field in fields if field[0].lower() not in dropped), (_PARENT, traceparent))
