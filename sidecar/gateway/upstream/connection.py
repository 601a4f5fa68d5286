"""One connection to FinHub: it puts requests on the wire and hears their replies, one at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

import httptools

from sidecar import errors
from sidecar.gateway import upgrade
from sidecar.gateway.upstream import framing
from sidecar.gateway.upstream.answer import HELD, Answer
from sidecar.gateway.upstream.deadlines import NEVER
from sidecar.wire.client import LARGEST_FIELD, LARGEST_LINE, MOST_FIELDS
from sidecar.wire.connection import ended_in_order
from sidecar.wire.trouble import Unanswered

if TYPE_CHECKING:
    import ssl

    from sidecar.gateway.turn import Turn
    from sidecar.gateway.upstream.deadlines import Deadlines
    from sidecar.rawfields import RawFields
    from sidecar.wire.tls import Tls

_INTERIM: Final = range(100, 200)

_MOST_INTERIM: Final = 64
"""Interim replies (1xx) that are taken before one final reply."""

_LARGEST_UNSEEN: Final = LARGEST_LINE + 2 * LARGEST_FIELD
"""Bytes that may come without a whole field, or a byte of a body, among them: so much the parser may hold back."""

_UNWRITTEN: Final = 131072
"""Bytes of a request that wait for FinHub to take them; beyond, its sender waits."""

_ROOM: Final = memoryview(bytearray(256 * 1024))
"""Where bytes arrive, of whichever connection: they are parsed before anything else can arrive.

Without it a loop's TLS takes so much for each read. It holds all that a loop reads at once: of a smaller one the loop's
TLS would leave the rest to its next turn, in which more comes, also where we read no more.
"""


class Home(Protocol):
    """Where a connection is at rest, and what all of them share.

    Attributes:
        loop, deadlines, turn: as the names say.
    """

    loop: asyncio.AbstractEventLoop
    deadlines: Deadlines
    turn: Turn

    def rest(self, connection: Connection) -> None:
        """Take the connection back: it is free for another request."""
        ...

    def gone(self, connection: Connection) -> None:
        """Note that the connection has ended."""
        ...


class Connection(asyncio.BufferedProtocol):
    """Not used again after a reply that came early, bytes that belong to no reply, or anything not understood.

    Attributes:
        tls: what it was opened with.
        heard: a byte has come since the last request was begun.
        sent: that request is on the wire, to its end.
        deadline: see `Deadlines`.
        may_rest: seconds for which FinHub keeps it idle, None while it did not say.
        rested_at: when it became free, by the pool's clock.
        remembered: its TLS session is kept for the next one.
    """

    _may_switch: tuple[Answer | None, bytes] = (None, b"")  # in reply to what, and to which protocol

    def __init__(self, home: Home, tls: Tls) -> None:
        self.tls = tls
        self.heard = False
        self.sent = True
        self.deadline = NEVER
        self.may_rest: float | None = None
        self.remembered = False
        self.rested_at = 0.0
        self._home = home
        self._loop = home.loop
        self._transport: asyncio.Transport | None = None
        self._plain: asyncio.Transport | None = None
        self._unwritten = b""
        self._answer: Answer | None = None
        self._parser = _parser_for(self)
        self._fields: list[tuple[bytes, bytes]] = []
        self._reason = b""
        self._unseen = 0
        self._interims = 0
        self._in_interim = False
        self._keeps = True
        self._surplus = False
        self._paused_reading = False
        self._drained: asyncio.Future[None] | None = None
        self._may_write = True

    # ── life ────────────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; where TLS comes on top, `secured` follows."""
        self._transport = self._plain = transport  # type: ignore[assignment]  # of a stream, always

    def secured(self, transport: asyncio.Transport) -> None:
        """Take the transport that encrypts, once the handshake is over."""
        self._transport = transport

    def open(self) -> None:
        """Begin to be of use."""
        self._home.deadlines.watch(self)
        if self._transport is not None:
            self._transport.set_write_buffer_limits(high=_UNWRITTEN)

    @property
    def usable(self) -> bool:
        """Tell whether a request may be sent over it."""
        transport = self._transport
        return transport is not None and self._keeps and not transport.is_closing()

    @property
    def ssl_object(self) -> ssl.SSLObject | None:
        """What holds the TLS session; None on a plain or lost connection."""
        return None if self._transport is None else self._transport.get_extra_info("ssl_object")

    def close(self) -> None:
        """End it in order, after what is written."""
        self._keeps = False
        # Closed twice, a TLS transport of Python 3.11 has forgotten its connection.
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()

    def abort(self) -> None:
        """End it at once: a reply is due that nobody wants, or nothing more is to be expected of it."""
        self._keeps = False
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end; a reply that is not whole by now never will be."""
        self._keeps, self._transport = False, None
        self._home.deadlines.forget(self)
        self._home.gone(self)
        self.resume_writing()
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.fail(exc or Unanswered("the connection ended"))
            answer.connection = None
        self._parser = None  # it holds us, and we it

    def eof_received(self) -> None:
        """Take the end of what FinHub sends. A body without another end is whole if it was meant (RFC 9112 §9.8)."""
        answer, self._keeps = self._answer, False
        if answer is not None and answer.until_close and ended_in_order(self._transport):
            answer.ended = True
            answer.wake()

    def expire(self) -> None:
        """Take the end of the time that was given: to reply, to go on, or to rest."""
        if self._answer is None:
            self.close()
            return
        in_tunnel = self._parser is None and not (self._answer.ended or self._answer.failure)
        self._answer.fail(TimeoutError())
        if not in_tunnel:  # whose end is made known to FinHub first
            self.abort()

    def allow(self, seconds: float) -> None:
        """Let FinHub keep us waiting for so long from now."""
        self._home.deadlines.give(self, seconds)

    # ── the request ─────────────────────────────────────────────────────────────────────────────────────────

    def ask(self, data: bytes, *, bodiless: bool, whole: bool) -> Answer:
        """Put a request on the wire, the beginning or the whole of it; return what is heard from now on.

        `bodiless`: its reply has no body whatever its head says, since its method is HEAD.
        """
        self._answer = answer = Answer(self, bodiless=bodiless)
        self.heard, self.sent, self.deadline = False, whole, NEVER
        self._interims = self._unseen = 0
        if self._transport is None:
            answer.fail(Unanswered("the connection ended"))
        elif whole:
            self._unwritten = data
            self._home.turn.add(self)
        else:
            self._transport.write(data)
        return answer

    def write_now(self) -> None:
        """Put the request on the wire that waits for the end of the turn; a connection that ends carries it no more."""
        data, self._unwritten = self._unwritten, b""
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def may_switch(self, answer: Answer, protocol: bytes) -> None:
        """Let FinHub say yes to `protocol`, which it was just asked for; else its 101 is no reply."""
        self._may_switch = (answer, protocol)

    async def write(self, data: bytes) -> bool:
        """Put more of the request on the wire; return once FinHub keeps up, False if the connection has ended.

        Not with `writelines`: that of Python 3.12 and 3.13 knows no back-pressure before CVE-2024-12254 was mended.
        """
        if self._transport is None or self._transport.is_closing():
            return False
        self._transport.write(data)
        if not self._may_write:
            self._drained = self._loop.create_future()
            await self._drained
        return self._transport is not None

    def end_writing(self) -> None:
        """Let FinHub know that no more will come, where that can be told alone: TLS can only be ended as a whole."""
        if self._transport is not None and not self._transport.is_closing() and self._transport.can_write_eof():
            self._transport.write_eof()

    def pause_writing(self) -> None:
        """Note that FinHub does not keep up."""
        self._may_write = False

    def resume_writing(self) -> None:
        """Note that it does again, or never will."""
        self._may_write = True
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    # ── the reply ───────────────────────────────────────────────────────────────────────────────────────────

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  # the loop's own wish
        """Return where bytes may be put."""
        return _ROOM

    def buffer_updated(self, nbytes: int) -> None:
        """Take the bytes that were put there."""
        self.data_received(_ROOM[:nbytes])

    def data_received(self, data: bytes | memoryview) -> None:
        """Take bytes in. What comes when nothing is due belongs to nothing, and the connection has no more use."""
        answer, parser = self._answer, self._parser
        if answer is None or parser is None:
            self._take_beyond_http(answer, data)
            return
        self.heard = True
        had_arrived = answer.arrived
        self._unseen += len(data)
        try:
            parser.feed_data(data)
            if self._unseen > _LARGEST_UNSEEN and not answer.ended:
                raise _too_large()  # it ends as what the parser refuses does
        except (httptools.HttpParserError, errors.MalformedReply) as error:
            self._misunderstood(answer, error, had_arrived=had_arrived)
        except httptools.HttpParserUpgrade as switched:
            self._switch(answer, data[switched.args[0] :])
        else:
            if answer.ended:
                self._finish(answer)
            elif answer.held > HELD:
                self._stop_reading()
        answer.wake()

    def _switch(self, answer: Answer, rest: bytes | memoryview) -> None:
        """Speak HTTP no more: what comes from now on is the reply's body, as it comes, until the connection ends."""
        self._parser = None
        answer.ended, answer.until_close = False, True
        if rest:
            self._take_beyond_http(answer, rest)

    def _take_beyond_http(self, answer: Answer | None, data: bytes | memoryview) -> None:
        """Take bytes of another protocol; those that belong to nothing end the connection."""
        if answer is None:
            self.close()
            return
        answer.parts.append(bytes(data))
        answer.held += len(data)
        if answer.held > HELD:
            self._stop_reading()
        answer.wake()

    def _stop_reading(self) -> None:
        """Read no more until what is held is taken.

        It is the plain transport that stops: uvloop's TLS drops what a stopped reader has not taken when the end comes.
        """
        if not self._paused_reading and self._plain is not None:
            self._paused_reading = True
            self._plain.pause_reading()

    def read_on(self) -> None:
        """Go on reading, where that was stopped."""
        if self._paused_reading and self._plain is not None:
            self._paused_reading = False
            self._plain.resume_reading()

    def _finish(self, answer: Answer) -> None:
        """Let go of a whole reply; what was not sent of its request by then never will be."""
        self._answer = answer.connection = None
        self.read_on()
        if answer.bodiless:
            self._parser = _parser_for(self)  # the old one may wait for the body
        if self._keeps and not self._surplus and not answer.until_close:
            self._home.rest(self)
        else:
            self.close()

    def _misunderstood(self, answer: Answer, error: Exception, *, had_arrived: bool) -> None:
        """End what is not HTTP. What nobody has seen yet is not delivered; a body that was whole before it stays so."""
        if not (had_arrived and answer.ended):
            answer.ended = False
            answer.arrived = had_arrived
            known = _inner(error)
            answer.fail(known or errors.MalformedReply("the reply is not well-formed HTTP"))
        self.abort()

    # ── what the parser tells ───────────────────────────────────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        """A head begins; behind a whole reply it is one that nobody asked for."""
        self._fields, self._reason, self._in_interim = [], b"", False
        self._surplus = self._answer is None or self._answer.ended

    def on_status(self, part: bytes) -> None:
        """Take a part of the reason phrase."""
        self._reason += part
        if len(self._reason) > LARGEST_LINE:
            raise _too_large()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field, or a trailer field, which is counted and left."""
        self._fields.append((name, value))
        self._unseen = 0
        if len(name) > LARGEST_FIELD or len(value) > LARGEST_FIELD or len(self._fields) > MOST_FIELDS:
            raise _too_large()

    def on_headers_complete(self) -> None:
        """Take the end of a head: an interim one is passed over, a final one has arrived."""
        answer, parser = self._answer, self._parser
        if self._surplus or answer is None or parser is None:
            return
        status: int = parser.get_status_code()
        if status in _INTERIM and status != framing.SWITCHING_PROTOCOLS:
            self._pass_over()
            return
        fields = tuple(self._fields)
        framed = framing.read(status, parser.get_http_version(), fields, bodiless=answer.bodiless)
        if framed.fault and not (status == framing.SWITCHING_PROTOCOLS and self._switches(answer, fields)):
            raise errors.MalformedReply(f"FinHub {framed.fault} without being asked to")
        answer.status, answer.reason, answer.fields = status, self._reason, fields
        answer.until_close, answer.ended, answer.arrived = framed.until_close, answer.bodiless, True
        self._keeps = self._keeps and framed.keeps and self._is_taken()
        if framed.rest is not None:
            self.may_rest = framed.rest
        self.deadline = NEVER

    def _switches(self, answer: Answer, fields: RawFields) -> bool:
        """Tell whether these fields say yes to what was asked, and nothing else."""
        asked, protocol = self._may_switch
        speaks_11 = self._parser is not None and self._parser.get_http_version() == "1.1"
        return asked is answer and speaks_11 and upgrade.named(fields) == protocol

    def _is_taken(self) -> bool:
        """Tell whether the request has left us to its end: a reply before that is an early one."""
        if self._transport is None or self._unwritten:
            return False
        return self.sent and not self._transport.get_write_buffer_size()

    def _pass_over(self) -> None:
        self._in_interim = True
        self._interims += 1
        if self._interims > _MOST_INTERIM:
            raise errors.MalformedReply("FinHub sends interim replies without end")

    def on_body(self, part: bytes) -> None:
        """Take bytes of the body."""
        answer = self._answer
        if self._surplus or answer is None:
            return
        if answer.ended:
            raise errors.MalformedReply("FinHub sent a body where there is none")
        answer.parts.append(part)
        answer.held += len(part)
        self._unseen = 0

    def on_message_complete(self) -> None:
        """Take the end of a message: the reply's, unless it was an interim one or surplus."""
        if not (self._surplus or self._in_interim or self._answer is None):
            self._answer.ended = True


def _parser_for(connection: Connection) -> httptools.HttpResponseParser | None:
    """Return a parser as lenient as FinHub's clients have always been, and no more.

    It takes a folded field, which it puts on one line (RFC 9112 §5.2), and a line that ends with a bare LF (§2.2);
    what a field must not hold is refused before it is delivered.
    """
    parser = httptools.HttpResponseParser(connection)
    parser.set_dangerous_leniencies(
        lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
    )
    return parser


def _too_large() -> errors.MalformedReply:
    return errors.MalformedReply("a part of the reply's head, or of its framing, is larger than we read")


def _inner(error: BaseException | None) -> errors.MalformedReply | None:
    """Return what one of our own callbacks said: the parser tells of it as its own error's context."""
    while error is not None:
        if isinstance(error, errors.MalformedReply):
            return error
        error = error.__context__
    return None
