"""An upstream that does to the byte what its script says, over plain TCP or TLS, and keeps all that it was sent."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REFUSED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 14\r\n\r\nFinHub says no"

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER's value with which a close sends a reset instead of an orderly end."""


@dataclass(slots=True)
class Asked:
    """One request as it came: the head without its empty line, and the body without its framing."""

    connection: int
    head: bytes
    body: bytearray = field(default_factory=bytearray)
    whole: bool = False

    @property
    def line(self) -> bytes:
        return self.head.partition(b"\r\n")[0]

    @property
    def method(self) -> bytes:
        return self.line.split(b" ")[0]

    @property
    def target(self) -> bytes:
        return self.line.split(b" ", 1)[1].rpartition(b" ")[0]

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        pairs = (line.partition(b":") for line in self.head.split(b"\r\n")[1:])
        return [(name, value.strip()) for name, _, value in pairs]

    def get(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.fields if key.lower() == name.lower()]


@dataclass(slots=True)
class Visit:
    """One connection from the sidecar, in the hands of a script."""

    origin: Origin
    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def head(self) -> Asked:
        """Return the next request, its body still to come; raises EOFError where the sidecar sends none."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        asked = Asked(self.number, head[:-4])
        self.origin.requests.append(asked)
        return asked

    async def body(self, asked: Asked) -> Asked:
        """Read the rest of the request."""
        async for part in self._parts(asked):
            asked.body += part
        asked.whole = True
        return asked

    async def request(self) -> Asked:
        return await self.body(await self.head())

    async def _parts(self, asked: Asked) -> AsyncIterator[bytes]:
        left = int((asked.get(b"Content-Length") or [b"0"])[0])
        while left:
            part = await self.reader.readexactly(min(left, 65536))
            left -= len(part)
            yield part
        if asked.get(b"Transfer-Encoding") != [b"chunked"]:
            return
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            yield await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    def reset(self) -> None:
        """End the connection as a crash does."""
        plain: socket.socket = self.writer.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.writer.transport.abort()


Script = Callable[[Visit], Awaitable[None]]


@dataclass(slots=True)
class Origin:
    """What the upstream was sent. `connections` counts those that got as far as a request could."""

    script: Script
    scheme: str = "http"
    port: int = 0
    connections: int = 0
    open: int = 0
    requests: list[Asked] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}"

    @property
    def bodies(self) -> list[bytes]:
        return [bytes(asked.body) for asked in self.requests]

    def welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand a new connection to the script, in a task that nobody else ends."""
        self.connections += 1
        task = asyncio.create_task(self._serve(Visit(self, self.connections, reader, writer)))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _serve(self, visit: Visit) -> None:
        self.open += 1
        try:
            with contextlib.suppress(EOFError, ConnectionError):
                await self.script(visit)
        finally:
            self.open -= 1
            visit.writer.close()
            with contextlib.suppress(OSError):
                await visit.writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(script: Script, tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[Origin]:
    """Run an upstream on a port of its own, or on `port`; what its script raises fails the test."""
    origin = Origin(script, "http" if tls is None else "https")
    server = await asyncio.start_server(origin.welcome, "127.0.0.1", port, ssl=tls)
    origin.port = server.sockets[0].getsockname()[1]
    try:
        yield origin
    finally:
        server.close()
        running = list(origin.tasks)
        for task in running:
            task.cancel()
        outcomes = await asyncio.gather(*running, return_exceptions=True)
        await server.wait_closed()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome


# ── scripts ─────────────────────────────────────────────────────────────────────────────────────────────────────


def replying(*replies: bytes) -> Script:
    """Answer whole requests, one after the other on whatever connection; the last reply serves all that follow."""
    left = list(replies)

    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.send(left.pop(0) if len(left) > 1 else left[0])

    return script


def cutting(*parts: bytes) -> Script:
    """Answer with `parts` and end the connection in an orderly way."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(*parts)

    return script


async def silent(visit: Visit) -> None:
    """Take every request and never answer."""
    while True:
        await visit.request()


async def slamming(visit: Visit) -> None:
    """Close on accept."""


def dying_when_reused(*replies: bytes) -> Script:
    """Answer the first request of each connection, and end the connection when the next one has come.

    That is how a pooled connection looks that the server gave up just when we took it from the pool.
    """
    left = list(replies or [OK])

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(left.pop(0) if len(left) > 1 else left[0])
        await visit.request()

    return script
