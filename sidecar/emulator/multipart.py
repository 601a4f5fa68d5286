"""The parts of a multipart/form-data body (RFC 7578, RFC 2046 §5.1.1), read whole: uploads end at 10 MB.

Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sidecar.emulator.answers import malformed

_BOUNDARY: Final = re.compile(r'multipart/form-data\s*;.*?boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_PARAMETER: Final = re.compile(rb'[;\s](name|filename)="([^"]*)"', re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One form field; `filename` is empty for a plain value."""

    name: str
    filename: str
    content: bytes


def boundary(content_type: str) -> str | None:
    """Return the boundary that a multipart/form-data Content-Type names, None for any other type."""
    found = _BOUNDARY.match(content_type)
    return None if found is None else found[1] or found[2]


def parts(body: bytes, mark: str) -> list[Part]:
    """Return the parts between the boundaries, or raise 400 for a body that does not end as it must."""
    pieces = (b"\r\n" + body).split(b"\r\n--" + mark.encode())
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):  # noqa: PLR2004  # a preamble and a closing delimiter
        raise malformed("body", "The multipart body is cut short", "Send the closing boundary")
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    head, blank, content = piece.partition(b"\r\n\r\n")
    if not blank:
        raise malformed("body", "A part has no end of its header", "Send an empty line after each part's header")
    named = {key.lower(): value.decode("utf-8", "replace") for key, value in _PARAMETER.findall(head)}
    return Part(name=named.get(b"name", ""), filename=named.get(b"filename", ""), content=content)
