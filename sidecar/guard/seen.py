"""The fields that the guard decides by, gathered without looking at the others.

Pure. Which they are is said by the names alone, and callers send the same names again and again: that is remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sidecar.guard.carriable import are_tokens
from sidecar.rawfields import MEMORABLE

if TYPE_CHECKING:
    from sidecar.rawfields import RawFields

Seen = Mapping[bytes, list[bytes]]
"""Lower-case name → the values of all fields of that name, in order, without white space around them."""

_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})
_BROWSERS: Final = frozenset(
    {
        b"origin",
        b"sec-fetch-site",
        b"access-control-request-method",
        b"access-control-request-private-network",
        b"access-control-request-local-network",
    }
)
# Some frameworks take the method from here; who refuses or allows by method must look at both.
_OVERRIDES: Final = (b"x-http-method-override", b"x-http-method", b"x-method-override")
_WATCHED: Final = frozenset({b"host", b"x-sidecar-key", *_FRAMING, *_BROWSERS, *_OVERRIDES})


@dataclass(frozen=True, slots=True)
class Shape:
    """What the names of some fields say, whatever the values are.

    Attributes:
        tokens: every name is one.
        watched: the fields that the guard decides by: their lower-case names, and where they stand.
        frames: some of them say how a body is framed.
        browses: some of them are a browser's.
        overrides: some of them name another method.
    """

    tokens: bool
    watched: tuple[tuple[bytes, int], ...]
    frames: bool
    browses: bool
    overrides: bool


def shape_of(names: bytes, number: int) -> Shape:
    """Return the shape of so many fields with these names, a line each (`names_of`)."""
    return (_remembered if len(names) <= MEMORABLE else _shape)(names, number)


def _shape(names: bytes, number: int) -> Shape:
    keys = names.lower().split(b"\n")
    if len(keys) != number:  # a name that holds a line end is no token, and nothing is asked about the others
        keys = []
    watched = tuple((key, index) for index, key in enumerate(keys) if key in _WATCHED)
    found = {key for key, _ in watched}
    return Shape(
        tokens=are_tokens(names, number),
        watched=watched,
        frames=not found.isdisjoint(_FRAMING),
        browses=not found.isdisjoint(_BROWSERS),
        overrides=not found.isdisjoint(_OVERRIDES),
    )


_remembered = lru_cache(maxsize=128)(_shape)


def watch(fields: RawFields, shape: Shape) -> Seen:
    """Return the values of the fields that the guard decides by; `shape` is that of `fields`."""
    seen: dict[bytes, list[bytes]] = {}
    for key, index in shape.watched:
        seen.setdefault(key, []).append(fields[index][1].strip(b" \t"))
    return seen


def methods(method: str, seen: Seen) -> tuple[str, ...]:
    """Return every method that an upstream may take this request for: its own first, as sent."""
    others = [value.decode("latin-1").upper() for name in _OVERRIDES for value in seen.get(name, ())]
    return (method, *others)
