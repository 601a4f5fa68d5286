"""What a client may send, and what it must not: a small share of Autobahn's cases, as exact bytes.

Each ends the connection: with a close frame of ours, or with something that the other side must fail it for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wsframes import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, closing, frame

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES: Final = (0, 1, 125, 126, 127, 128, 65535, 65536, 1 << 20)
CODES: Final = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
WRONG_CODES: Final = (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535)
UTF8: Final = "κόσμε 𐀀 ￿".encode()
WRONG_UTF8: Final = (b"\xce\xba\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\xff", b"\xce")


@dataclass(frozen=True, slots=True)
class Case:
    """`parts` are sent one behind the other: in one piece each, or (`crumbs`) byte by byte."""

    name: str
    parts: tuple[bytes, ...]
    crumbs: bool = False


def cases() -> Iterator[Case]:
    """Yield all of them."""
    for group in (_messages, _pings, _reserved, _fragments, _text, _ends):
        yield from group()


def _messages() -> Iterator[Case]:
    for size in SIZES:
        for opcode in (TEXT, BINARY):
            message = frame(opcode, b"*" * size)
            yield Case(f"a message of {size} bytes, opcode {opcode}", (message, closing()))
    yield Case("a hundred messages in one piece", (frame(TEXT, b"again") * 100 + closing(),))
    yield Case("a message byte by byte", (frame(TEXT, UTF8) + closing(),), crumbs=True)


def _pings() -> Iterator[Case]:
    for payload in (b"", b"payload", b"\x00\xff\xfe", b"*" * 125):
        yield Case(f"a ping with {payload[:8]!r}", (frame(PING, payload), closing()))
    yield Case("a ping that is too large", (frame(PING, b"*" * 126), closing()))
    yield Case("a pong that nobody asked for", (frame(PONG, b"?"), frame(PING, b"!"), closing()))
    yield Case("ten pings byte by byte", (frame(PING, b"ping") * 10 + closing(),), crumbs=True)


def _reserved() -> Iterator[Case]:
    for bits in range(1, 8):
        yield Case(f"reserved bits {bits:03b}", (frame(TEXT, b"fine"), frame(TEXT, b"odd", reserved=bits)))
    for opcode in (3, 7, 11, 15):
        yield Case(f"opcode {opcode}", (frame(TEXT, b"fine"), frame(opcode, b"odd")))
    yield Case("a frame without a mask", (frame(TEXT, b"bare", masked=False), closing()))


def _fragments() -> Iterator[Case]:
    first, last = frame(TEXT, b"frag", fin=False), frame(CONTINUATION, b"ment")
    yield Case("two fragments", (first, last, closing()))
    yield Case("two fragments, a ping between", (first, frame(PING, b"hi"), last, closing()))
    yield Case("two fragments byte by byte", (first + frame(PING) + last + closing(),), crumbs=True)
    yield Case("a fragmented ping", (frame(PING, b"fr", fin=False), frame(CONTINUATION, b"ag")))
    yield Case("a continuation of nothing", (last, frame(TEXT, b"more")))
    yield Case("a message inside another", (first, frame(TEXT, b"new"), closing()))
    yield Case("a thousand fragments", (first + frame(CONTINUATION, b"x", fin=False) * 998 + last, closing()))


def _text() -> Iterator[Case]:
    yield Case("text", (frame(TEXT, UTF8), closing()))
    yield Case("text, cut inside a character", (frame(TEXT, UTF8[:3], fin=False), frame(0, UTF8[3:]), closing()))
    for wrong in WRONG_UTF8:
        yield Case(f"no text: {wrong!r}", (frame(TEXT, wrong), closing()))


def _ends() -> Iterator[Case]:
    yield Case("an empty close", (closing(None),))
    yield Case("a close, and then a message", (closing() + frame(TEXT, b"late"),))
    yield Case("a close of one byte", (frame(CLOSE, b"\x03"),))
    yield Case("a close that is too large", (closing(1000, b"*" * 124),))
    yield Case("a close whose reason is no text", (closing(1000, b"\xff\xfe"),))
    for code in CODES:
        yield Case(f"close {code}", (closing(code, b"why"),))
    for code in WRONG_CODES:
        yield Case(f"close {code}, which means nothing", (closing(code),))
