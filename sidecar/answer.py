"""A short reply of our own, as a value: both listeners give such, and whoever holds the connection writes it.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status, fields and the whole body. What frames it (Content-Length, Connection) is not among the fields."""

    status: int
    fields: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
