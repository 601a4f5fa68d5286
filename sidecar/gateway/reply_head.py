"""The head of a reply as it goes to a caller, and how its body is framed there.

Pure. RFC 9112 §6 and §9; the fields are those that pass (`fields.to_caller`), or an answer's of our own.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from sidecar.rawfields import RawFields

HTTP_10: Final = (1, 0)
HTTP_11: Final = (1, 1)

_LENGTH: Final = b"content-length"
_LENGTH_LINE: Final = b"\r\ncontent-length: "
"""How a line of it begins; no value holds a line end."""

_LINE: Final = b": ".join
"""Makes a line of a name and a value."""

NEVER_WITH_A_BODY: Final = frozenset({204, 304})
"""Statuses whose replies have none, whatever their fields say (RFC 9110 §6.4.1)."""

_PHRASES: Final = {status.value: status.phrase.encode() for status in HTTPStatus}


class Head(NamedTuple):
    """A reply's head in bytes, its empty line included.

    `bodiless`: no byte of a body follows. `chunked`: each piece of the body needs its frame. `last`: the connection
    ends with this reply.
    """

    raw: bytes
    bodiless: bool
    chunked: bool
    last: bool


def head_of(
    version: tuple[int, int], method: str, *, last: bool, status: int, reason: bytes, fields: RawFields
) -> Head:
    """Return the head of a reply to `method`, for a caller that speaks `version`; `last` where it said so.

    A body of unknown length is chunked; for HTTP/1.0, which has no chunks, the end of the connection ends it.
    """
    bodiless = method == "HEAD" or status in NEVER_WITH_A_BODY
    if status in NEVER_WITH_A_BODY:  # simple callers would wait for so many bytes (RFC 9110 §8.6 lets it be left out)
        fields = tuple(field for field in fields if field[0].lower() != _LENGTH)
    lines = b"\r\n".join([b"", *map(_LINE, fields)])
    unmeasured = not bodiless and _LENGTH_LINE not in lines.lower()
    modern = version >= HTTP_11
    last = last or (unmeasured and not modern)
    if unmeasured and modern:
        lines += b"\r\nTransfer-Encoding: chunked"
    if modern and last:
        lines += b"\r\nConnection: close"
    elif not (modern or last):
        lines += b"\r\nConnection: keep-alive"
    start = b"HTTP/1.1 %d %b" if modern else b"HTTP/1.0 %d %b"
    return Head(b"%b%b\r\n\r\n" % (start % (status, reason), lines), bodiless, unmeasured and modern, last)


def reason_of(status: int) -> bytes:
    """Return the reason phrase that RFC 9110 has for a status, b"" for one that it does not know."""
    return _PHRASES.get(status, b"")
