"""A caller that believes nothing: a reply is whole only if its framing says so to the last byte."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from chaos import talks

if TYPE_CHECKING:
    from chaos.talks import Ask, Talk

BOUND: Final = 10.0
"""Seconds within which every request must have an answer or a broken connection; see `world.py` for the timeouts."""

HUNG: Final = "hung"
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_BLOCK: Final = 16384
_LONGEST_HEAD: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """What a caller saw. `error` is "" when the reply was whole; `status` 0 when not even a status came."""

    status: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    error: str = ""

    @property
    def is_whole(self) -> bool:
        """Tell whether this caller takes the reply for whole."""
        return self.status != 0 and not self.error


@dataclass(frozen=True, slots=True)
class Heard:
    """One request of a talk and what came of it."""

    ask: Ask
    got: Got


@dataclass(slots=True)
class _Reading:
    """A reply as far as it has come."""

    status: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)

    def got(self, error: str = "") -> Got:
        return Got(status=self.status, fields=self.fields, body=bytes(self.body), error=error)


async def hold(talk: Talk, port: int) -> list[Heard]:
    """Hold `talk` over one connection to `port`; return all its requests with what came of each."""
    heard: list[Heard] = []
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_LONGEST_HEAD)
    except OSError as error:
        return [Heard(talks.first(talk), Got(error=type(error).__name__))]
    try:
        ask: talks.Ask | None = talks.first(talk)
        while ask is not None:
            got = await _ask(ask, reader, writer)
            heard.append(Heard(ask, got))
            goes_on = len(heard) == 1 and talk.version != "1.0" and got.is_whole and got.status == 200  # a status
            ask = talks.then(talk, got.body) if goes_on and not judge(ask, got) else None
    finally:
        await _close(writer)
    return heard


def judge(ask: Ask, got: Got) -> talks.Complaint:
    """Return what is wrong with the body of a whole 200."""
    try:
        return ask.expects(got.body)
    except (ValueError, KeyError, TypeError):
        return "not what was asked for"


async def _ask(ask: Ask, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Got:
    reading = _Reading()
    try:
        async with asyncio.timeout(BOUND):
            if ask.leaves is not None:
                return await _leave(ask, writer)
            await _exchange(ask, reader, writer, reading)
    except TimeoutError:
        return reading.got(HUNG)
    except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
        return reading.got(type(error).__name__)
    return reading.got()


async def _leave(ask: Ask, writer: asyncio.StreamWriter) -> Got:
    """Send the beginning of the request and be gone, with a reset."""
    writer.write(encoded(ask)[: ask.leaves])
    await writer.drain()
    await asyncio.sleep(0.02)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
    return Got(error="left")


async def _exchange(ask: Ask, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reading: _Reading) -> None:
    """Send while reading, so that an early reply is seen."""
    sending = asyncio.create_task(_send(ask, writer))
    try:
        await _read(reader, ask, reading)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _send(ask: Ask, writer: asyncio.StreamWriter) -> None:
    data = encoded(ask)
    for start in range(0, len(data), _BLOCK):
        writer.write(data[start : start + _BLOCK])
        await writer.drain()


def encoded(ask: Ask) -> bytes:
    """Return the request's bytes."""
    lines = [
        f"{ask.method} {ask.target} HTTP/{ask.version}",
        "Host: localhost",
        f"X-Request-ID: {ask.name}",
        "Authorization: Bearer of-the-caller",
        *ask.fields,
    ]
    if not ask.body and ask.framing == "length":
        return "\r\n".join([*lines, "", ""]).encode()
    if ask.framing == "length":
        return "\r\n".join([*lines, f"Content-Length: {len(ask.body)}", "", ""]).encode() + ask.body
    blocks = [ask.body[start : start + _BLOCK] for start in range(0, len(ask.body), _BLOCK)]
    body = b"".join(b"%x\r\n%b\r\n" % (len(block), block) for block in (*blocks, b""))
    return "\r\n".join([*lines, "Transfer-Encoding: chunked", "", ""]).encode() + body


async def _read(reader: asyncio.StreamReader, ask: Ask, reading: _Reading) -> None:
    """Read one final reply; raises EOFError, OSError or ValueError when it is none or not whole."""
    while reading.status < 200:  # RFC 9110 §15.2: interim
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        version, status, *_ = head[0].split(" ", 2)
        if version not in {"HTTP/1.0", "HTTP/1.1"} or not status.isdigit():
            raise ValueError(head[0])
        reading.fields = dict(_field(line) for line in head[1:] if line)
        reading.status = int(status)
    if ask.method == "HEAD" or reading.status in {204, 304}:
        return
    if reading.fields.get("transfer-encoding") == "chunked":
        await _read_chunks(reader, reading)
    elif "content-length" in reading.fields:
        await _read_exactly(reader, int(reading.fields["content-length"]), reading)
    else:
        while block := await reader.read(_BLOCK):
            reading.body += block


def _field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise ValueError(line)
    return name.lower(), value.strip()


async def _read_chunks(reader: asyncio.StreamReader, reading: _Reading) -> None:
    while size := int(await reader.readuntil(b"\r\n"), 16):
        await _read_exactly(reader, size, reading)
        await _expect_end(reader)
    await _expect_end(reader)


async def _expect_end(reader: asyncio.StreamReader) -> None:
    if await reader.readexactly(2) != b"\r\n":
        raise ValueError("a chunk is longer than it says")


async def _read_exactly(reader: asyncio.StreamReader, size: int, reading: _Reading) -> None:
    end = len(reading.body) + size
    while (left := end - len(reading.body)) > 0:
        block = await reader.read(min(left, _BLOCK))
        if not block:
            raise EOFError
        reading.body += block


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
