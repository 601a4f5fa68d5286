"""Header fields as bytes, the form in which they are carried.

Pure.
"""

from __future__ import annotations

from typing import Final

RawFields = tuple[tuple[bytes, bytes], ...]
"""Fields as they were on the wire: (name, value) pairs, with order, case, duplicates and bytes kept."""

MEMORABLE: Final = 1024
"""Callers send the same names again and again: what these say is remembered, if together they are no longer."""


def names_of(fields: RawFields) -> bytes:
    """Return all names, a line each: with their number, the key to whatever names alone decide."""
    return b"\n".join([name for name, _ in fields])


def values_of(fields: RawFields) -> bytes:
    """Return all values as one text, to be looked at in one go.

    A space between two of them keeps the bytes of one from completing a character of the other.
    """
    return b" ".join([value for _, value in fields])


def first(fields: RawFields, name: bytes) -> bytes | None:
    """Return the first value of the field with this lower-case name, without white space around it, or None."""
    return next((value.strip() for key, value in fields if key.lower() == name), None)
