"""What the comparison is made of: a step is one request and the reply that it gets, as values that become bytes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

from rawhttp import chunked

NUMBER: Final = "x-case"
"""The field by which an arrival is told from another one's."""

Lines = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The upstream's reply. `framing` is "length", "chunked" or "close" (which ends the connection)."""

    status: int = 200
    reason: bytes = b"OK"
    fields: Lines = ()
    body: bytes = b""
    framing: str = "length"

    @property
    def has_body(self) -> bool:
        """Tell whether this status may have a body (RFC 9110 §6.4.1)."""
        return self.status not in (204, 304)

    def to_bytes(self, method: bytes) -> bytes:
        """Return the reply to a request by this method."""
        lines = [*self.fields, *self._framing_fields()]
        head = b"HTTP/1.1 %d %s\r\n" % (self.status, self.reason)
        head += b"".join(b"%s: %s\r\n" % line for line in lines) + b"\r\n"
        if method == b"HEAD" or not self.has_body:
            return head
        return head + (chunked(_pieces(self.body)) if self.framing == "chunked" else self.body)

    def _framing_fields(self) -> Lines:
        if not self.has_body:
            return ()
        if self.framing == "close":
            return ((b"Connection", b"close"),)
        if self.framing == "chunked":
            return ((b"Transfer-Encoding", b"chunked"),)
        return ((b"Content-Length", b"%d" % len(self.body)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request. `chunks` are the sizes of its chunks; none: Content-Length, and for an empty body neither.

    `splits` are the places, as fractions of the whole, at which the bytes are cut into separate writes.
    """

    method: bytes = b"GET"
    target: bytes = b"/"
    host: bytes = b"localhost"
    fields: Lines = ()
    body: bytes = b""
    chunks: tuple[int, ...] = ()
    splits: tuple[float, ...] = ()
    answer: Answer = Answer()

    def to_bytes(self, number: int) -> bytes:
        """Return the request, marked with its number."""
        lines = [(b"Host", b" " + self.host), *self.fields, (NUMBER.encode(), b" %d" % number), *self._framing_fields()]
        head = b"%s %s HTTP/1.1\r\n" % (self.method, self.target)
        head += b"".join(b"%s:%s\r\n" % line for line in lines) + b"\r\n"
        return head + (chunked(_pieces(self.body, self.chunks)) if self.chunks else self.body)

    def _framing_fields(self) -> Lines:
        if self.chunks:
            return ((b"Transfer-Encoding", b" chunked"),)
        return ((b"Content-Length", b" %d" % len(self.body)),) if self.body else ()

    @property
    def names(self) -> frozenset[bytes]:
        """Return the lower-case names of the fields."""
        return frozenset(name.lower() for name, _ in self.fields)

    def values(self, name: bytes) -> list[bytes]:
        """Return the values of the fields of this lower-case name, without white space around them."""
        return [value.strip(b" \t") for key, value in self.fields if key.lower() == name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """What a caller does on one connection: steps one after the other, or `pipelined` in one write.

    `abort` is the place, as a fraction of its bytes, at which one more request breaks off; None for no such request.
    `by_reset` says how: with a reset, or with an end.
    """

    steps: tuple[Step, ...]
    pipelined: bool = False
    abort: float | None = None
    by_reset: bool = True


def written(data: bytes, splits: tuple[float, ...]) -> list[bytes]:
    """Return the bytes as the pieces in which they are written."""
    places = sorted({int(split * len(data)) for split in splits} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


def _pieces(body: bytes, sizes: tuple[int, ...] = (7, 1, 300)) -> list[bytes]:
    """Return the body in pieces of these sizes, which begin again where they do not suffice."""
    pieces, at = [], 0
    while at < len(body):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(body[at : at + size])
        at += size
    return pieces
