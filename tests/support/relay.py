"""A relay that can strike a connection at any byte: reset, close, half-close, stall, drip, or slip something in.

It carries TCP bytes as they are. Given TLS contexts for both sides it carries what is inside instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

_HOST: Final = "127.0.0.1"
_BLOCK: Final = 65536
_PIECES: Final = 8
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_TLS_GOODBYE: Final = 0.2


class Way(StrEnum):
    """A direction: to the server, or back to the client."""

    UP = "up"
    DOWN = "down"


class Kind(StrEnum):
    """What a strike does."""

    RESET = "reset"
    """Both sides get an RST."""

    CLOSE = "close"
    """Both sides get what came before, then an orderly end: a truncation."""

    HALF_CLOSE = "half-close"
    """The way's receiver gets an end and no more bytes; the other way goes on. Inside TLS: as CLOSE."""

    STALL = "stall"
    """Nothing for `seconds`, then on as before."""

    DRIP = "drip"
    """From here on everything in small pieces, `seconds` for each block."""

    SLIP_IN = "slip in"
    """`noise` goes in between, `into` either direction, then on as before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """What happens once, to the first connection on whose `way` byte number `after` (from 0) is to be carried.

    Bytes count from the arming on, or from the connection's beginning where that is later. `after` None: when a
    connection is accepted, before anything is carried.
    """

    kind: Kind
    way: Way = Way.UP
    after: int | None = 0
    seconds: float = 0.0
    noise: bytes = b""
    into: Way = Way.DOWN


@dataclass(frozen=True, slots=True)
class Inside:
    """What a relay needs to carry plaintext: `server` faces the client, `client` faces the server "localhost"."""

    server: ssl.SSLContext
    client: ssl.SSLContext


Tap = Callable[[int, Way, bytes], None]
"""Told of every block as its sender sent it, before any strike: the connection's number, the way, the bytes."""


class _Struck(Exception):
    """The connection ends here."""


@dataclass(slots=True, eq=False)
class _Link:
    number: int
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    carried: dict[Way, int] = field(default_factory=lambda: dict.fromkeys(Way, 0))
    pause: dict[Way, float] = field(default_factory=lambda: dict.fromkeys(Way, 0.0))
    mute: set[Way] = field(default_factory=set)

    def writer(self, way: Way) -> asyncio.StreamWriter:
        writer = self.server if way is Way.UP else self.client
        if writer is None:
            raise _Struck
        return writer

    def ends(self) -> Iterator[asyncio.StreamWriter]:
        yield from (end for end in (self.client, self.server) if end is not None)

    def reset(self) -> None:
        for end in self.ends():
            _reset(end)


class Relay:
    """Listens on loopback and carries every connection to `port`. `struck` counts the strikes that happened."""

    def __init__(self, port: int, *, inside: Inside | None = None, tap: Tap = lambda *_: None) -> None:
        self.port = 0
        self.struck = 0
        self._to = port
        self._inside = inside
        self._tap = tap
        self._strike: Strike | None = None
        self._server: asyncio.Server | None = None
        self._links: dict[asyncio.Task[None], _Link] = {}
        self._numbers = 0

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.refuse()
        for task, link in list(self._links.items()):
            link.reset()
            task.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    async def listen(self) -> None:
        """Take connections, on the same port as before."""
        if self._server is None:
            server_side = None if self._inside is None else self._inside.server
            self._server = await asyncio.start_server(self._accept, _HOST, self.port, ssl=server_side)
            self.port = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Take no more connections: they are refused until `listen`. Those that are open stay."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def arm(self, strike: Strike) -> None:
        """Let `strike` happen once."""
        self._strike = strike
        for link in self._links.values():
            link.carried = dict.fromkeys(Way, 0)

    def disarm(self) -> None:
        """Let no strike happen any more, and what drips run freely again."""
        self._strike = None
        for link in self._links.values():
            link.pause = dict.fromkeys(Way, 0.0)

    def drop(self, *, reset: bool) -> int:
        """End every connection now, with an RST or in order; return how many there were."""
        for link in self._links.values():
            for end in link.ends():
                (_reset if reset else _close)(end)
        return len(self._links)

    @property
    def connections(self) -> int:
        """Return how many connections are open."""
        return len(self._links)

    # ── one connection ──────────────────────────────────────────────────────────────────────────────────────

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._numbers += 1
        link = _Link(self._numbers, writer)
        task = asyncio.create_task(self._carry(link, reader), name=f"relay-{self.port}-{link.number}")
        self._links[task] = link
        task.add_done_callback(self._links.pop)

    async def _carry(self, link: _Link, reader: asyncio.StreamReader) -> None:
        try:
            await self._strike_on_accept(link)
            back, link.server = await self._connect()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(link, Way.UP, reader))
                group.create_task(self._pump(link, Way.DOWN, back))
        except* (_Struck, OSError, TimeoutError):
            link.reset()
        finally:
            for end in link.ends():
                await _finish(end)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._inside is None:
            return await asyncio.open_connection(_HOST, self._to)
        return await asyncio.open_connection(
            _HOST, self._to, ssl=self._inside.client, server_hostname="localhost", ssl_shutdown_timeout=_TLS_GOODBYE
        )

    async def _strike_on_accept(self, link: _Link) -> None:
        strike = self._strike
        if strike is not None and strike.after is None:
            await self._hit(link, strike)

    async def _pump(self, link: _Link, way: Way, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(_BLOCK):
            self._tap(link.number, way, data)
            for part in self._parts(link, way, data):
                if isinstance(part, Strike):
                    await self._hit(link, part)
                elif way not in link.mute:
                    await _write(link.writer(way), part, link.pause[way])
        _end(link.writer(way))

    def _parts(self, link: _Link, way: Way, data: bytes) -> Iterator[bytes | Strike]:
        """Yield the block in one piece, or in two with the strike that falls between them."""
        strike, before = self._strike, link.carried[way]
        link.carried[way] += len(data)
        if strike is None or strike.way is not way or strike.after is None or link.carried[way] <= strike.after:
            yield data
            return
        cut = max(0, strike.after - before)
        yield data[:cut]
        yield strike
        yield data[cut:]

    async def _hit(self, link: _Link, strike: Strike) -> None:
        self._strike = None
        self.struck += 1
        if strike.kind is Kind.STALL:
            await asyncio.sleep(strike.seconds)
        elif strike.kind is Kind.DRIP:
            link.pause[strike.way] = strike.seconds
        elif strike.kind is Kind.SLIP_IN:
            await _write(link.writer(strike.into), strike.noise, 0.0)
        else:
            await self._sever(link, strike)

    async def _sever(self, link: _Link, strike: Strike) -> None:
        if strike.kind is Kind.RESET:
            raise _Struck
        if strike.kind is Kind.HALF_CLOSE and self._inside is None:
            link.mute.add(strike.way)
            _end(link.writer(strike.way))
            return
        for end in link.ends():
            _close(end)


async def _write(writer: asyncio.StreamWriter, data: bytes, pause: float) -> None:
    """Write `data`, in small pieces with `pause` seconds spread between them where that is not 0."""
    size = len(data) if not pause else max(1, -(-len(data) // _PIECES))
    for start in range(0, len(data), size or 1):
        if writer.transport.is_closing():
            raise _Struck
        writer.write(data[start : start + size])
        await writer.drain()
        await asyncio.sleep(pause / _PIECES)


def _end(writer: asyncio.StreamWriter) -> None:
    """Tell the receiver that nothing more comes; where TLS cannot say so, close."""
    if writer.transport.is_closing():
        return
    with contextlib.suppress(OSError):
        if writer.can_write_eof():
            writer.write_eof()
        else:
            writer.close()


def _close(writer: asyncio.StreamWriter) -> None:
    if not writer.transport.is_closing():  # a second close of a TLS transport forgets its socket (CPython 3.11)
        writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, AttributeError):  # it is closed already
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()


async def _finish(writer: asyncio.StreamWriter) -> None:
    _close(writer)
    try:
        async with asyncio.timeout(_TLS_GOODBYE * 2):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()
