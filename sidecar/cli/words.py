"""Instants, spans and counts in the words of the status page, for a terminal.

Pure. Instants are POSIX seconds, told in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


def instant(text: object) -> float | None:
    """Return the instant that an RFC 3339 text names, None where there is none."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None


def moment(at: float, now: float) -> str:
    """Return an instant as a clock shows it, with the day where it is not today."""
    then, today = datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(now, UTC)
    return f"{then:%H:%M:%S}" if then.date() == today.date() else f"{then:%Y-%m-%d %H:%M}"


def distance(at: float, now: float) -> str:
    """Return how far away an instant is."""
    return f"in {span(at - now)}" if at >= now else f"{span(now - at)} ago"


def span(seconds: float) -> str:
    """Return a length of time, no more exactly than it matters."""
    whole = round(seconds)
    if whole < 1.5 * _MINUTE:
        return f"{whole} s"
    if whole < 1.5 * _HOUR:
        return f"{round(whole / _MINUTE)} min"
    if whole < 2 * _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} days"


def count(number: float, one: str, many: str = "") -> str:
    """Return a number with the word for that many: `one` with an s, unless `many` is given."""
    return f"{number} {one}" if number == 1 else f"{number} {many or one + 's'}"


def latency(seconds: float) -> str:
    """Return a latency, no more exactly than it matters."""
    return f"{_short(seconds)} s" if seconds >= 1 else f"{_short(seconds * 1000)} ms"


def _short(number: float) -> str:
    return f"{number:.1f}" if number < 10 else f"{number:.0f}"  # noqa: PLR2004  # two digits that count
