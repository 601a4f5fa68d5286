"""HTTP/1.1 messages read from bytes, strictly: what has two meanings, or is merely tolerated by many, is Unsound here.

A reader of our own, so that a proof does not share the mistakes of the library that it is about (RFC 9112).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

Fields = tuple[tuple[bytes, bytes], ...]

_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE: Final = re.compile(rb"(" + _TOKEN + rb") ([!-~]+) (HTTP/1\.[01])")
_STATUS_LINE: Final = re.compile(rb"(HTTP/1\.[01]) ([1-9][0-9]{2}) ([\t -~\x80-\xff]*)")
_FIELD_LINE: Final = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([^\0\r\n]*?)[ \t]*")
_CHUNK_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})((?:[ \t]*;[^\0\r\n]*)?)")


class Unsound(Exception):
    """The bytes are no well-formed message."""


class Incomplete(Unsound):
    """The bytes end inside a message."""


@dataclass(slots=True)
class Wire:
    """The bytes of one direction, as they come from `receive` (b"" at the end); all of them stay in `raw`."""

    receive: Callable[[], bytes]
    raw: bytearray = field(default_factory=bytearray)
    at: int = 0

    def more(self) -> bool:
        """Read once; tell whether anything came."""
        data = self.receive()
        self.raw += data
        return bool(data)

    def is_over(self) -> bool:
        """Wait for a byte of the next message, and tell whether the end came instead."""
        return self.at == len(self.raw) and not self.more()

    def line(self) -> bytes:
        """Return the next line without its CRLF; Unsound where a bare CR or LF stands in it."""
        while (end := self.raw.find(b"\n", self.at)) < 0:
            if not self.more():
                raise Incomplete("the bytes end inside a line")
        found = bytes(self.raw[self.at : end + 1])
        self.at = end + 1
        if not found.endswith(b"\r\n") or b"\r" in found[:-2]:
            raise Unsound(f"a bare CR or LF in {found[:60]!r}")
        return found[:-2]

    def exactly(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        while len(self.raw) - self.at < size:
            if not self.more():
                raise Incomplete(f"the bytes end {size - len(self.raw) + self.at} short of what was announced")
        self.at += size
        return bytes(self.raw[self.at - size : self.at])

    def rest(self) -> bytes:
        """Return everything up to the end."""
        while self.more():
            pass
        found = bytes(self.raw[self.at :])
        self.at = len(self.raw)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What requests and replies share. `framing` is "none", "length", "chunked" or "close"."""

    version: bytes
    fields: Fields
    framing: str
    body: bytes = b""
    trailers: Fields = ()

    def values(self, name: str) -> list[bytes]:
        """Return the values of all fields of this name, in order."""
        return values(self.fields, name)

    @property
    def names(self) -> set[str]:
        """Return the lower-case names of all fields."""
        return {name.decode().lower() for name, _ in self.fields}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Message):
    """One request; `body` is empty as long as only its head has been read."""

    method: bytes
    target: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Message):
    """One final reply, and the interim ones (1xx) before it."""

    status: int
    reason: bytes
    interim: tuple[int, ...] = ()


def values(fields: Fields, name: str) -> list[bytes]:
    """Return the values of all fields of this name, in order."""
    return [value for key, value in fields if key.lower() == name.lower().encode()]


def read_request_head(wire: Wire) -> Request:
    """Return the next request without its body; Unsound for what is none."""
    line = wire.line()
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise Unsound(f"no request line: {line[:60]!r}")
    fields = _read_fields(wire)
    framing = _framing(fields) or "none"
    return Request(method=match[1], target=match[2], version=match[3], fields=fields, framing=framing)


def read_body(wire: Wire, head: Message) -> tuple[bytes, Fields]:
    """Return the body and the trailers that belong to a head."""
    if head.framing == "chunked":
        return _read_chunks(wire)
    if head.framing == "length":
        return wire.exactly(int(head.values("content-length")[0])), ()
    return (wire.rest(), ()) if head.framing == "close" else (b"", ())


def read_reply(wire: Wire, method: bytes = b"GET") -> Reply:
    """Return the next final reply; Unsound for what is none."""
    interim: list[int] = []
    while True:
        head = _read_reply_head(wire, method)
        if head.status >= 200 or head.status == 101:
            break
        interim.append(head.status)
    body, trailers = read_body(wire, head)
    return Reply(
        version=head.version,
        status=head.status,
        reason=head.reason,
        fields=head.fields,
        framing=head.framing,
        body=body,
        trailers=trailers,
        interim=tuple(interim),
    )


def _read_reply_head(wire: Wire, method: bytes) -> Reply:
    line = wire.line()
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise Unsound(f"no status line: {line[:60]!r}")
    status, fields = int(match[2]), _read_fields(wire)
    bodiless = method == b"HEAD" or status < 200 or status in (204, 304)
    framing = "none" if bodiless else _framing(fields) or "close"
    return Reply(version=match[1], status=status, reason=match[3], fields=fields, framing=framing)


def _read_fields(wire: Wire) -> Fields:
    fields = []
    while line := wire.line():
        match = _FIELD_LINE.fullmatch(line)
        if match is None:
            raise Unsound(f"no field line: {line[:60]!r}")
        fields.append((match[1], match[2]))
    return tuple(fields)


def _framing(fields: Fields) -> str:
    """Return "length" or "chunked", "" where nothing is said; Unsound where more than one thing is."""
    lengths, codings = values(fields, "content-length"), values(fields, "transfer-encoding")
    if len(lengths) + len(codings) > 1:
        raise Unsound("the message is framed twice")
    if codings and codings[0].lower() != b"chunked":
        raise Unsound(f"transfer coding {codings[0][:60]!r}")
    if lengths and not re.fullmatch(rb"[0-9]{1,18}", lengths[0]):
        raise Unsound(f"content length {lengths[0][:60]!r}")
    return "chunked" if codings else "length" if lengths else ""


def _read_chunks(wire: Wire) -> tuple[bytes, Fields]:
    body = bytearray()
    while True:
        line = wire.line()
        match = _CHUNK_LINE.fullmatch(line)
        if match is None:
            raise Unsound(f"no chunk size: {line[:60]!r}")
        if not (size := int(match[1], 16)):
            return bytes(body), _read_fields(wire)
        body += wire.exactly(size)
        if wire.exactly(2) != b"\r\n":
            raise Unsound("a chunk is longer than it says")
