"""The head of a reply as it goes to a caller, and how its body is framed there.

Pure. RFC 9112 §6 and §9; the fields are those that pass (`fields.to_caller`), or an answer's of our own.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sidecar.rawfields import RawFields

HTTP_10: Final = (1, 0)
HTTP_11: Final = (1, 1)

_LENGTH: Final = b"content-length"
_NEVER_WITH_A_BODY: Final = frozenset({204, 304})

_PHRASES: Final = {status.value: status.phrase.encode() for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Head:
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
    if status in _NEVER_WITH_A_BODY:  # simple callers would wait for so many bytes (RFC 9110 §8.6 lets it be left out)
        fields = tuple(field for field in fields if field[0].lower() != _LENGTH)
    bodiless = method == "HEAD" or status in _NEVER_WITH_A_BODY
    unmeasured = not bodiless and not any(len(name) == len(_LENGTH) and name.lower() == _LENGTH for name, _ in fields)
    modern = version >= HTTP_11
    last = last or (unmeasured and not modern)
    lines = [b"HTTP/%d.%d %d %s\r\n" % (*(HTTP_11 if modern else HTTP_10), status, reason)]
    lines += [b"%s: %s\r\n" % field for field in fields]
    if unmeasured and modern:
        lines.append(b"Transfer-Encoding: chunked\r\n")
    if modern and last:
        lines.append(b"Connection: close\r\n")
    elif not (modern or last):
        lines.append(b"Connection: keep-alive\r\n")
    lines.append(b"\r\n")
    return Head(b"".join(lines), bodiless, unmeasured and modern, last)


def reason_of(status: int) -> bytes:
    """Return the reason phrase that RFC 9110 has for a status, b"" for one that it does not know."""
    return _PHRASES.get(status, b"")
