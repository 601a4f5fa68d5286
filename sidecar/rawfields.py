"""Header fields as bytes, the form in which they are carried.

Pure.
"""

from __future__ import annotations

RawFields = tuple[tuple[bytes, bytes], ...]
"""Fields as they were on the wire: (name, value) pairs, with order, case, duplicates and bytes kept."""


def first(fields: RawFields, name: bytes) -> bytes | None:
    """Return the first value of the field with this lower-case name, without white space around it, or None."""
    return next((value.strip() for key, value in fields if key.lower() == name), None)
