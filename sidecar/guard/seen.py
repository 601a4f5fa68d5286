"""The fields that the guard decides by, gathered in one pass over all of them.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sidecar.rawfields import RawFields

Seen = Mapping[bytes, list[bytes]]
"""Lower-case name → the values of all fields of that name, in order, without white space around them."""

# Some frameworks take the method from here; who refuses or allows by method must look at both.
_OVERRIDES: Final = (b"x-http-method-override", b"x-http-method", b"x-method-override")
_WATCHED: Final = frozenset(
    {
        b"host",
        b"origin",
        b"sec-fetch-site",
        b"access-control-request-method",
        b"access-control-request-private-network",
        b"access-control-request-local-network",
        b"x-sidecar-key",
        b"content-length",
        b"transfer-encoding",
        *_OVERRIDES,
    }
)


def watch(fields: RawFields) -> Seen:
    """Return the values of the fields that the guard decides by."""
    seen: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        key = name.lower()
        if key in _WATCHED:
            seen.setdefault(key, []).append(value.strip(b" \t"))
    return seen


def methods(method: str, seen: Seen) -> tuple[str, ...]:
    """Return every method that an upstream may take this request for: its own first, as sent."""
    others = [value.decode("latin-1").upper() for name in _OVERRIDES for value in seen.get(name, ())]
    return (method, *others)
