"""The rules of a slot, for the engines that keep them in Python; the script of the Redis engine says the same.

Pure. Instants are on the engine's clock, which ought to go on where another process takes over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from sidecar.session.store.store import Found

_TICKS: Final = 1000
"""Fences a second: they start from the engine's clock, so that they go on growing where all else was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One slot.

    Attributes:
        fence: the last one given out.
        holder, held_until: whose lease, and when it runs out; "" where nobody has one.
        entry, entry_fence, at, until: what was published, under which fence, when, and until when it stands.
    """

    fence: int = 0
    holder: str = ""
    held_until: float = 0.0
    entry: bytes = b""
    entry_fence: int = 0
    at: float = 0.0
    until: float = 0.0


def found(slot: Slot, now: float, lease: int = 0) -> Found:
    """Return what a reader finds."""
    held_for = max(0.0, slot.held_until - now) if slot.holder else 0.0
    if not slot.entry or now >= slot.until:
        return Found(held_for=held_for, lease=lease)
    return Found(entry=slot.entry, fence=slot.entry_fence, age=max(0.0, now - slot.at), held_for=held_for, lease=lease)


def take(slot: Slot, holder: str, seconds: float, now: float) -> tuple[Slot, Found]:
    """Return the slot after `holder` asked for the lease, and what it found; `Found.lease` tells whether it has it."""
    if slot.holder not in {"", holder} and slot.held_until > now:
        return slot, found(slot, now)
    fence = max(slot.fence + 1, int(now * _TICKS))
    taken = replace(slot, fence=fence, holder=holder, held_until=now + seconds)
    return taken, found(taken, now, lease=fence)


def renewed(slot: Slot, holder: str, lease: int, seconds: float, now: float) -> tuple[Slot, bool]:
    """Return the slot after a renewal, and whether the lease was still the holder's."""
    if not _holds(slot, holder, lease):
        return slot, False
    return replace(slot, held_until=now + seconds), True


def released(slot: Slot, holder: str, lease: int) -> Slot:
    """Return the slot without the lease, if it was the holder's."""
    return replace(slot, holder="", held_until=0.0) if _holds(slot, holder, lease) else slot


def published(slot: Slot, holder: str, lease: int, entry: bytes, seconds: float, *, now: float) -> tuple[Slot, bool]:
    """Return the slot with `entry` in it and without the lease; the same one and False where a newer was published."""
    if slot.entry_fence > lease:
        return slot, False
    return (
        replace(released(slot, holder, lease), entry=entry, entry_fence=lease, at=now, until=now + seconds),
        True,
    )


def _holds(slot: Slot, holder: str, lease: int) -> bool:
    """Tell whether the lease is the holder's: also one that has run out, where nobody has taken it since."""
    return slot.holder == holder and slot.fence == lease
