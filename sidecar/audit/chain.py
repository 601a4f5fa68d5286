"""The chain: each line holds the hash of the one before it, and its own.

Pure. A line is one JSON object in ASCII that ends in its two hashes. Its own is the SHA-256 of the line's bytes with
the member `hash` taken out: nothing needs to be put into a canonical form, and `sed` and `sha256sum` can check it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

GENESIS: Final = "0" * 64
"""What the first line of a trail names as the one before it."""

LONGEST: Final = 2**17
"""Bytes of a line, at most: what is longer is none of ours."""

_LINE: Final = re.compile(
    rb'(\{"seq":([1-9][0-9]{0,17}),"time":"[ !#-\[\]-~]*","event":"([ !#-\[\]-~]*)"[ -~]*,"prev":"([0-9a-f]{64})"),'
    rb'"hash":"([0-9a-f]{64})"\}'
)


@dataclass(frozen=True, slots=True)
class Link:
    """One line, read: its number, its event's name, the two hashes that it names, and whether its own is right."""

    seq: int
    event: str
    prev: str
    hash: str
    intact: bool


@dataclass(frozen=True, slots=True)
class End:
    """The last line of a trail: its number and hash. The end of no lines at all is `End()`."""

    seq: int = 0
    head: str = GENESIS


def seal(seq: int, body: str, prev: str) -> tuple[str, str]:
    """Return the line with number `seq`, without its newline, and its hash.

    `body` is its other members, from `"time"` on, as JSON in ASCII without the braces.
    """
    start = f'{{"seq":{seq},{body},"prev":"{prev}"'
    head = hashlib.sha256(f"{start}}}".encode("ascii")).hexdigest()
    return f'{start},"hash":"{head}"}}', head


def read(line: bytes) -> Link | None:
    """Return what a line says, given without its newline; None where it is no line of a trail."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    start, seq, event, prev, head = found.groups()
    own = hashlib.sha256(start + b"}").hexdigest()
    named = head.decode()
    return Link(int(seq), event.decode(), prev.decode(), named, own == named)
