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
    """Return the head, the target and the fields byte for byte and `framing` behind them.

    Raises:
        ValueError: something in it would end its line, or the head, early. It does not say what it was.
    """
    lines = [b"%b: %b" % field for field in (fields + framing if framing else fields)]
    head = b"%b %b HTTP/1.1\r\n%b\r\n\r\n" % (method.encode(), target.encode(), b"\r\n".join(lines))
    ends = len(lines) + 2
    if head.count(b"\n") != ends or head.count(b"\r") != ends or b"\0" in head:
        raise ValueError("a CR, LF or NUL in the head of a request")
    return head


def measured(method: str, fields: RawFields, length: int) -> RawFields:
    """Return the Content-Length that `fields` lack for a body of `length` bytes; nothing where nothing is lacking."""
    if length == 0 and method in _BODILESS:
        return ()
    if any(name.lower() == b"content-length" for name, _ in fields):
        return ()
    return ((b"Content-Length", b"%d" % length),)
