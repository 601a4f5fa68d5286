"""The names of a trail's files: the one that is written has no number; each that was ended has a higher one.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def numbered(name: str, number: int) -> str:
    """Return the name that a file gets when it is ended."""
    return f"{name}.{number}"


def numbers(name: str, names: Iterable[str]) -> list[int]:
    """Return the numbers of the ended files among `names`, lowest (oldest) first."""
    return sorted(number for each in names if (number := _number(name, each)))


def _number(name: str, other: str) -> int:
    """Return the number in a file's name as we spell it, 0 where it is another file."""
    start, dot, tail = other.rpartition(".")
    if start != name or not dot or not tail.isascii() or not tail.isdigit() or tail[0] == "0":
        return 0
    return int(tail)
