"""One request of a caller as the gateway sees it, and the way back for its reply."""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Final

from sidecar.gateway.own_reply import fields_of
from sidecar.gateway.reply_head import HTTP_10, HTTP_11, head_of, reason_of
from sidecar.gateway.untaken import untaken
from sidecar.rawfields import first

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from aiohttp import StreamReader

    from sidecar.answer import Answer
    from sidecar.gateway.caller import CallerConnection
    from sidecar.gateway.departure import Departure
    from sidecar.gateway.heads import Known
    from sidecar.gateway.reply_head import Head
    from sidecar.rawfields import RawFields

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_LAST_CHUNK: Final = b"0\r\n\r\n"

_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER's value with which a close is a reset."""

SHORT: Final = 32768
"""Bytes that certainly fit into a caller's empty buffer, so that nobody need wait for it."""

_ONE_BLOCK: Final = 65536
"""Bytes of a body that are cheaper to copy behind its head than to hand over by themselves."""


class CallerRequest:
    """What was asked, field bytes and target as they came, and the reply on its way back: `reply`, or its three parts.

    Every write raises ConnectionResetError once the connection is gone.

    Attributes:
        version: of HTTP, as the caller wrote it; a version that we do not speak is answered in ours.
        body: what comes behind the head; nobody needs to read it.
        length: the announced one of the body: 0 for none, None for a chunked one (the guard sees to the rest).
        last: the connection ends with this request.
        has_begun: bytes of the reply are on their way.
        known: the fields, where they are remembered.
        line: the request line, where the fields are remembered.
        carrier: who carries it instead of the server's handler, if anybody does.
        upgrade: the protocol that it asks to switch to; b"" but for a `Handshake`.
    """

    upgrade = b""

    __slots__ = (
        "_connection",
        "_head",
        "body",
        "carrier",
        "fields",
        "has_begun",
        "known",
        "last",
        "length",
        "line",
        "method",
        "target",
        "version",
    )

    def __init__(
        self,
        connection: CallerConnection,
        method: str,
        target: str,
        fields: RawFields,
        body: StreamReader,
    ) -> None:
        self.method = method
        self.target = target
        self.fields = fields
        self.version = HTTP_11
        self.body = body
        self.length: int | None = 0
        self.last = False
        self.has_begun = False
        self.known: Known | None = None
        self.line = b""
        self.carrier: Callable[[CallerRequest], Awaitable[None]] | None = None
        self._connection = connection
        self._head: Head | None = None

    @property
    def remote(self) -> str | None:
        """The peer's address: "" on a Unix socket, None where the connection was gone before it was looked at."""
        return self._connection.remote

    @property
    def uid(self) -> int | None:
        """The user at the other end of a Unix socket."""
        return self._connection.uid

    def invite_body(self) -> None:
        """Send `100 Continue` to a caller that waits for it (RFC 9110 §10.1.1)."""
        expected = first(self.fields, b"expect")
        if expected is None or expected.lower() != b"100-continue" or not self._speaks_11:
            return
        if (transport := self._connection.writable()) is not None:
            transport.write(_CONTINUE)

    def done(self) -> None:
        """Let go of the connection: the reply is written, and nobody waits for anything of this request."""
        self._connection.served(self)

    def carry(self, carrier: Callable[[CallerRequest], Awaitable[None]]) -> None:
        """Go on in a task, in which `carrier` answers the request."""
        self.carrier = carrier
        self._connection.carry(self)

    # ── the caller ──────────────────────────────────────────────────────────────────────────────────────────

    def tell(self, departure: Departure | None) -> None:
        """Have `departure` told when the caller leaves, or has left already; None: nobody any more."""
        self._connection.departure = departure
        if departure is not None:
            transport = self._connection.transport
            departure.left = transport is None or transport.is_closing()

    @property
    def says_no_more(self) -> bool:
        """Tell whether the caller has ended its sending: it may be gone altogether."""
        return self._connection.looks_out

    async def look(self) -> None:
        """Find out whether a caller that sends no more is there to read a reply."""
        await self._connection.look()

    # ── the reply ───────────────────────────────────────────────────────────────────────────────────────────

    def reply(self, status: int, reason: bytes, fields: RawFields, body: bytes) -> None:
        """Send a whole reply; a length among its fields is that of `body`, which a reply to HEAD leaves out."""
        transport, head = self._open(), self._start(status, reason, fields)
        if head.bodiless:
            transport.write(head.raw)
        elif head.chunked:
            transport.write(head.raw + (_chunk(body) if body else b"") + _LAST_CHUNK)
        elif len(body) <= _ONE_BLOCK:
            self._write_block(transport, head.raw + body)
        else:
            transport.write(head.raw)
            transport.write(body)  # not `writelines`: before CVE-2024-12254 was mended it knew no back-pressure

    def _write_block(self, transport: asyncio.WriteTransport, block: bytes) -> None:
        if len(block) <= SHORT and self.is_clear:
            self._connection.write_in_turn(block)
        else:
            transport.write(block)

    def begin(self, status: int, reason: bytes, fields: RawFields) -> None:
        """Send the head of a reply whose body follows by `write`, until `end`."""
        self._open().write(self._start(status, reason, fields).raw)

    def write(self, chunk: bytes) -> None:
        """Send a piece of the body."""
        if self._head is not None and self._head.chunked:
            self._open().write(_chunk(chunk))
        else:
            self._open().write(chunk)

    def end(self) -> None:
        """Send what tells that the body is whole, where anything does."""
        if self._head is not None and self._head.chunked:
            self._open().write(_LAST_CHUNK)

    def answer(self, answer: Answer) -> int:
        """Send a reply of our own; return how many bytes of it are body."""
        self.reply(answer.status, reason_of(answer.status), fields_of(answer), answer.body)
        return 0 if self.method == "HEAD" else len(answer.body)

    def unsent(self) -> int:
        """Return the bytes that the caller has not taken yet."""
        transport = self._connection.transport
        return 0 if transport is None else untaken(transport)

    @property
    def is_clear(self) -> bool:
        """Tell whether nothing waits in our own buffer."""
        return self._connection.is_clear

    @property
    def is_held_up(self) -> bool:
        """Tell whether so much waits that no more should be written: `taken` returns when it may."""
        return self._connection.writing_paused

    async def taken(self) -> None:
        """Return when more may be written; ConnectionError if the caller is gone."""
        await self._connection.taken()

    def abort(self) -> None:
        """End the connection with a reset: after an orderly end a body without length or chunks would look whole."""
        transport = self._connection.transport
        if transport is None:
            return
        with contextlib.suppress(OSError):  # it is closed already
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        transport.abort()

    @property
    def _speaks_11(self) -> bool:
        return self.version >= HTTP_11

    def _start(self, status: int, reason: bytes, fields: RawFields) -> Head:
        version = HTTP_10 if self.version == HTTP_10 else HTTP_11
        head = head_of(version, self.method, last=self.last, status=status, reason=reason, fields=fields)
        self._head, self.last, self.has_begun = head, head.last, True
        return head

    def _open(self) -> asyncio.WriteTransport:
        transport = self._connection.writable()
        if transport is None:
            raise ConnectionResetError("the caller is gone")
        return transport


def _chunk(data: bytes) -> bytes:
    """Frame a piece of a body (RFC 9112 §7.1); an empty one would end it."""
    return b"%x\r\n%b\r\n" % (len(data), data)
