"""A caller that sends exact bytes and keeps exact bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One reply, and the bytes it came in. `reset`: the connection was aborted."""

    raw: bytes
    reset: bool = False

    @property
    def head(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        """The bytes behind the head, framing included."""
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1]) if self.raw else 0

    @property
    def status_lines(self) -> int:
        return len(re.findall(rb"HTTP/\d\.\d \d{3}", self.raw))

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        pairs = (line.partition(b": ") for line in self.head.split(b"\r\n")[1:])
        return [(name, value) for name, _, value in pairs]

    def get(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    @property
    def problem(self) -> dict[str, Any]:
        """The problem details of a reply of ours, whose media type and `Proxy-Status` are looked at on the way."""
        assert self.get(b"Content-Type") == [b"application/problem+json"]
        told: dict[str, Any] = json.loads(self.body)
        assert told["status"] == self.status
        assert set(told) == {"type", "title", "status", "detail", "remedy", "request_id"}
        assert self.get(b"Proxy-Status") == [
            b"finhub-sidecar; error=" + told["type"].removeprefix("urn:finhub-sidecar:problem:").encode()
        ]
        return told

    @property
    def cause(self) -> str:
        """The RFC 9209 name of a refusal of ours."""
        return str(self.problem["type"]).rpartition(":")[2]


class Caller:
    """One connection to the sidecar."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> bytes:
        async with asyncio.timeout(_PATIENCE):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def reply(self, *, bodiless: bool = False) -> Heard:
        """Return the next reply and not a byte more."""
        heard = Heard(await self.head())
        if bodiless or heard.status < 200 or heard.status in {204, 304}:
            return heard
        return Heard(heard.raw + await self._body(heard))

    async def _body(self, heard: Heard) -> bytes:
        async with asyncio.timeout(_PATIENCE):
            if heard.get(b"Transfer-Encoding") == [b"chunked"]:
                return await self._chunks()
            return await self.reader.readexactly(int(heard.get(b"Content-Length")[0]))

    async def _chunks(self) -> bytes:
        raw = b""
        while True:
            line = await self.reader.readuntil(b"\r\n")
            raw += line + await self.reader.readexactly(int(line, 16) + 2)
            if line == b"0\r\n":
                return raw

    async def rest(self) -> Heard:
        """Return all bytes until the sidecar ends the connection."""
        raw = bytearray()
        async with asyncio.timeout(_PATIENCE):
            try:
                while part := await self.reader.read(65536):
                    raw += part
            except ConnectionResetError:
                return Heard(bytes(raw), reset=True)
        return Heard(bytes(raw))

    def leave(self) -> None:
        """End the connection without a word."""
        self.writer.transport.abort()


@contextlib.asynccontextmanager
async def calling(port: int) -> AsyncIterator[Caller]:
    """Open a connection to the sidecar, closed on leaving."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        yield Caller(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def request(method: bytes, target: bytes, *fields: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    """Return the bytes of a request to localhost, with the length of its body where it has one."""
    lines = [method + b" " + target + b" HTTP/" + version, b"Host: localhost", *fields]
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(*parts: bytes) -> bytes:
    """Return `parts` as a whole chunked body."""
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b""))
