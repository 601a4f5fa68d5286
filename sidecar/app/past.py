"""What `/history` shows, as plain JSON values: the last hour, the last events, and the token's life. Never a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sidecar.app.status import rfc3339
from sidecar.observe.history import COUNTS, SLOT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sidecar.observe.history import History
    from sidecar.observe.recent import Told
    from sidecar.session.source import Session


def slots(history: History, *, steady_now: float, utc_now: float) -> list[dict[str, Any]]:
    """Return the slots, oldest first, each with when it began, its counts and its latency in seconds."""
    return [
        {
            "at": rfc3339(utc_now - (steady_now - slot.begins)),
            **dict(zip(COUNTS, slot.counts, strict=True)),
            "p50": _rounded(history.quantile(slot, 0.5)),
            "p99": _rounded(history.quantile(slot, 0.99)),
        }
        for slot in history.slots(steady_now)
    ]


def events(told: Iterable[Told]) -> list[dict[str, Any]]:
    """Return the events, oldest first, in the log's words."""
    return [
        {"at": rfc3339(one.at), "level": one.level, "event": one.words, "members": dict(one.members)} for one in told
    ]


def life(shown: Session, minted_at: float | None, *, steady_now: float, utc_now: float) -> dict[str, str | None]:
    """Return when the token was minted, from when on it may be renewed, and when the gate opens again.

    `minted_at` is POSIX. What there is not is None.
    """

    def at(instant: float | None) -> float | None:
        return None if instant is None else utc_now - (steady_now - instant)

    begins = None if shown.expires_at is None else minted_at
    return {"minted_at": _told(begins), "window_at": _told(at(shown.window_at)), "tries_at": _told(at(shown.until))}


def heading(utc_now: float) -> dict[str, Any]:
    """Return when this was read, and the seconds in a slot."""
    return {"now": rfc3339(utc_now), "slot_seconds": SLOT}


def _told(posix: float | None) -> str | None:
    return None if posix is None else rfc3339(posix)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
