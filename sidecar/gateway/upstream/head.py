"""A request's head as the bytes that go on the wire.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sidecar.rawfields import RawFields

_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods whose requests have no body as a rule: without one they need no Content-Length (RFC 9110 §8.6)."""

CHUNKED: Final = ((b"Transfer-Encoding", b"chunked"),)


def head_of(method: str, target: str, fields: RawFields, framing: RawFields) -> bytes:
    """Return the head, the target and the fields byte for byte and `framing` behind them; ValueError as `lines_of`."""
    start = _whole(b"%b %b HTTP/1.1\r\n" % (method.encode(), target.encode()), 1)
    return b"%b%b\r\n" % (start, lines_of(fields + framing if framing else fields))


def lines_of(fields: RawFields) -> bytes:
    """Return the fields as lines, each with its end.

    Raises:
        ValueError: something in them would end its line, or the head, early. It does not say what it was.
    """
    return _whole(b"".join([b"%b: %b\r\n" % field for field in fields]), len(fields))


def _whole(lines: bytes, number: int) -> bytes:
    """Return `lines` if they are as many as they should be; ValueError as above."""
    if lines.count(b"\n") != number or lines.count(b"\r") != number or b"\0" in lines:
        raise ValueError("a CR, LF or NUL in the head of a request")
    return lines


def measured(method: str, fields: RawFields, length: int) -> RawFields:
    """Return the Content-Length that `fields` lack for a body of `length` bytes; nothing where nothing is lacking."""
    if length == 0 and method in _BODILESS:
        return ()
    if any(name.lower() == b"content-length" for name, _ in fields):
        return ()
    return ((b"Content-Length", b"%d" % length),)
