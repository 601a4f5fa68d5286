"""WebSocket as bytes, for whoever must send exact ones: a handshake, and frames (RFC 6455 §4.1, §5.2)."""

from __future__ import annotations

import struct

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""What RFC 6455 §1.3 answers to that key."""

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
CONTINUATION = 0

_MASK = b"\x01\x02\x03\x04"
_SHORT, _MEDIUM = 125, 0xFFFF

YES = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n"
)


def shake(*more: bytes, target: bytes = b"/ws", host: bytes = b"localhost") -> bytes:
    """Return a client's handshake, with `more` fields."""
    asked = (b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Key: " + KEY, b"Sec-WebSocket-Version: 13")
    return b"\r\n".join([b"GET " + target + b" HTTP/1.1", b"Host: " + host, *asked, *more]) + b"\r\n\r\n"


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    """Return one frame; `reserved` are the three bits RSV1 to RSV3, which mean nothing without an extension."""
    first = fin << 7 | reserved << 4 | opcode
    size, mask = len(payload), masked << 7
    if size <= _SHORT:
        head = struct.pack("!BB", first, mask | size)
    elif size <= _MEDIUM:
        head = struct.pack("!BBH", first, mask | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask | 127, size)
    return head + (_MASK + _masked(payload) if masked else payload)


def closing(code: int | None = 1000, reason: bytes = b"") -> bytes:
    """Return a close frame, empty where there is no code."""
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


def _masked(payload: bytes) -> bytes:
    key = _MASK * (len(payload) // 4 + 1)
    size = len(payload)
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key[:size], "big")).to_bytes(size, "big")
