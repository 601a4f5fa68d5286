"""Which of a message's fields pass: their names decide, and what `Connection` says of them.

Pure. Callers send the same names again and again, so what names decide is worked out once and kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from sidecar.rawfields import RawFields


@dataclass(frozen=True, slots=True)
class Passing:
    """The fields that pass, among all with these names.

    Attributes:
        pick: takes them out of the fields, untouched and in order.
        keys: their lower-case names. `Connection` in a message may yet name one of these.
        connection: where the `Connection` fields stand.
    """

    pick: Callable[[RawFields], RawFields]
    keys: tuple[bytes, ...]
    connection: tuple[int, ...]


def keys_of(names: bytes, number: int) -> list[bytes]:
    """Return the lower-case names of so many fields, whose names are given a line each (`names_of`)."""
    keys = names.lower().split(b"\n") if number else []
    if len(keys) != number:
        raise ValueError("a field name holds a line end: whoever asks this has not looked at the names")
    return keys


def passing(keys: Sequence[bytes], passes: Callable[[bytes], bool], named: Collection[bytes] = ()) -> Passing:
    """Return what passes of fields with these lower-case names: what `passes` says so of and `Connection` named not."""
    where = [index for index, key in enumerate(keys) if passes(key) and key not in named]
    return Passing(
        pick=_picker(where, len(keys)),
        keys=tuple(keys[index] for index in where),
        connection=tuple(index for index, key in enumerate(keys) if key == b"connection"),
    )


def _picker(where: list[int], number: int) -> Callable[[RawFields], RawFields]:
    if len(where) == number:
        return tuple
    if len(where) > 1:  # itemgetter returns a tuple from two on
        return itemgetter(*where)
    return itemgetter(slice(where[0], where[0] + 1)) if where else itemgetter(slice(0))
