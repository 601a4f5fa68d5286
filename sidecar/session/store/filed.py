"""Slots as the text of one file: JSON, entries sealed and in base64.

Pure. What is over is left out, so that the file does not grow with users that are gone.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from typing import TYPE_CHECKING, Any, Final

from sidecar.session.store.slot import Slot
from sidecar.session.store.store import Garbled

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST: Final = 4 << 20
"""Bytes of a file that can be ours."""

_VERSION: Final = 1
_NOT_OURS: Final = "the file is not a session store of this version"
_UNOPENABLE: Final = b"?"


def encode(slots: Mapping[str, Slot], now: float) -> bytes:
    """Return the file's content at `now`."""
    kept = {name: _members(slot) for name, slot in slots.items() if max(slot.until, slot.held_until) > now}
    return json.dumps({"finhub-sidecar sessions": _VERSION, "slots": kept}, indent=1).encode() + b"\n"


def decode(content: bytes) -> dict[str, Slot]:
    """Return the slots; none of an empty file. Raises Garbled where it is no such file."""
    if not content:
        return {}
    if len(content) > LARGEST:
        raise Garbled(_NOT_OURS)
    try:
        text = json.loads(content)
        if text["finhub-sidecar sessions"] != _VERSION:
            raise Garbled(_NOT_OURS)
        return {name: _slot(members) for name, members in text["slots"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Garbled(_NOT_OURS) from None


def _members(slot: Slot) -> dict[str, Any]:
    return {
        "fence": slot.fence,
        "holder": slot.holder,
        "held_until": slot.held_until,
        "entry": base64.b64encode(slot.entry).decode(),
        "entry_fence": slot.entry_fence,
        "at": slot.at,
        "until": slot.until,
    }


def _slot(members: Mapping[str, Any]) -> Slot:
    return Slot(
        fence=_fence(members["fence"]),
        holder=str(members["holder"]),
        held_until=_instant(members["held_until"]),
        entry=_entry(members["entry"]),
        entry_fence=_fence(members["entry_fence"]),
        at=_instant(members["at"]),
        until=_instant(members["until"]),
    )


def _fence(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError("no fence")
    return value


def _instant(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TypeError("no instant")
    return float(value)


def _entry(value: str) -> bytes:
    """Return the sealed entry; what is not base64 cannot be opened, which is told like any other such entry."""
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return _UNOPENABLE
