"""What a reply's fields say about time: `Date`, and `Retry-After` in both its forms (RFC 9110 §5.6.7, §10.2.3).

Pure, and never raises: what cannot be read is as if it were not there.
"""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from sidecar.rawfields import first

if TYPE_CHECKING:
    from sidecar.rawfields import RawFields

LONGEST_PAUSE: Final = 3600.0
"""Seconds; FinHub asking for more is obeyed this far."""

_DELTA: Final = re.compile(rb"[0-9]+")
_LONGEST_DATE: Final = 64


def reply_time(fields: RawFields, now_utc: float) -> float:
    """Return when the reply was made: its `Date`, else our own clock's word."""
    sent = _date(first(fields, b"date") or b"")
    return now_utc if sent is None else sent


def retry_after(fields: RawFields, now_utc: float) -> float | None:
    """Return the seconds FinHub asks us to wait, at most an hour.

    None for 0, the past or junk: our ordinary backoff.
    """
    value = first(fields, b"retry-after") or b""
    if _DELTA.fullmatch(value):
        # A number of any length is legal; beyond seven digits it is more than an hour anyway.
        seconds = float(value[-7:]) if not value[:-7].strip(b"0") else LONGEST_PAUSE
    else:
        until = _date(value)
        seconds = 0.0 if until is None else until - reply_time(fields, now_utc)
    return min(seconds, LONGEST_PAUSE) if seconds > 0 else None


def _date(value: bytes) -> float | None:
    """Read an HTTP-date, also in its two obsolete forms, as seconds since 1970."""
    if len(value) > _LONGEST_DATE:
        return None
    try:
        date = parsedate_to_datetime(value.decode("ascii"))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
