"""A caller's connection: aiohttp's request parser between a transport and the handler, and every bound beside it.

Requests on one connection are carried one after the other, each by a task and in a context of its own, so that nothing
of one gets into the next. What cannot be read is refused as a problem, without an echo of the bytes.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import socket
from collections import deque
from typing import TYPE_CHECKING, Final

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser
from aiohttp.streams import EMPTY_PAYLOAD

from sidecar import errors
from sidecar.gateway import handshake, patience, rescue
from sidecar.gateway.body import BrokenBody
from sidecar.gateway.caller_request import CallerRequest
from sidecar.gateway.caller_watch import HEAD, IDLE, Watch
from sidecar.gateway.own_reply import last_words
from sidecar.gateway.peer import address_of, uid_of
from sidecar.gateway.reply_head import HTTP_11
from sidecar.gateway.unreadable import MOST_FIELDS, refusal
from sidecar.gateway.untaken import untaken

if TYPE_CHECKING:
    from aiohttp import StreamReader
    from aiohttp.http import RawRequestMessage

    from sidecar.gateway.caller_limits import CallerLimits
    from sidecar.gateway.caller_server import CallerServer, Serving
    from sidecar.gateway.departure import Departure

_READ_AHEAD: Final = 32768
"""So much of a body waits for its reader, twice at most and one read of the socket more."""

_QUEUE: Final = 2
"""Requests that may wait, parsed, for their turn; more are not read."""

_LINGERING: Final = 2.0
"""Seconds in which the rest of a refused body is read and dropped: closed at once, the refusal would be lost."""

_log: Final = logging.getLogger(__name__)


class CallerConnection(BaseProtocol):
    """One connection, from its arrival to its end; aiohttp's base keeps the flow of bytes in both directions.

    Attributes:
        remote, uid: the other end's address, and on a Unix socket its user; see CallerRequest.
        departure: who is told when the caller leaves, None while no request is carried.
        serving: what carries a request now, None between two requests; `cancel` ends it.
    """

    __slots__ = (
        "_body",
        "_context",
        "_current",
        "_due",
        "_ended",
        "_given_up",
        "_heads",
        "_limits",
        "_look_out",
        "_queue",
        "_reader",
        "_server",
        "_unwritten",
        "_watch",
        "departure",
        "remote",
        "serving",
        "uid",
    )

    def __init__(self, server: CallerServer, limits: CallerLimits, loop: asyncio.AbstractEventLoop) -> None:
        parser = HttpRequestParser(
            self,
            loop,
            _READ_AHEAD,
            max_line_size=limits.longest_line,
            max_field_size=limits.max_field,
            max_headers=MOST_FIELDS,
            payload_exception=BrokenBody,
            auto_decompress=False,
            max_msg_queue_size=_QUEUE + 1,  # it counts the one that is carried
        )
        super().__init__(loop, parser)
        self._reader = parser
        self.remote: str | None = None
        self.uid: int | None = None
        self.departure: Departure | None = None
        self.serving: Serving | None = None
        self._server = server
        self._heads = server.heads  # of the same limits
        self._limits = limits
        self._queue: deque[CallerRequest | errors.SidecarError] = deque()
        self._context = contextvars.copy_context()
        self._current: CallerRequest | None = None
        self._body: StreamReader | None = None  # of the last request that was parsed
        self._due = 0  # bytes of the last request that are to come: none, so many, or -1 for nobody knows
        self._watch = Watch(limits, loop.time())
        self._given_up = False
        self._ended = False
        self._unwritten = b""
        self._look_out: asyncio.Task[None] | None = None

    # ── what the transport tells ────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # what a listener makes
        """Take the connection, or hand it over to be turned away where there are too many."""
        if len(self._server.connections) >= self._limits.max_connections:
            self._server.turn_away(transport)
            return
        _keep_alive(transport)
        super().connection_made(transport)
        self.remote, self.uid = address_of(transport), uid_of(transport)
        self._server.welcome(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes in (none: the reader of a body has taken what waited)."""
        if self._given_up or self._ended:
            return
        if self._due == 0 and self.serving is None and self._recall(data):
            return
        in_body = self._body is not None and not self._body.is_eof()
        requests, error = self._parse(data)
        if requests:
            self._body = requests[-1].body
            self._watch.head_is_whole()
            self._enqueue(*requests)
        elif data and not in_body and self._watch.head_goes_on(data, self._loop.time()):
            self._give_up(errors.FieldsTooLarge(f"the head exceeds {self._limits.largest_head} bytes"))
        if error is not None:
            self._stumble(error)

    def eof_received(self) -> bool:
        """Take the end of what the caller sends; True keeps the connection open for the replies that are due."""
        if not self._owes_a_reply():
            self.write_now()
            return False
        if self._look_out is None:
            self._look_out = self._loop.create_task(patience.look_after(self))
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        """Take the end of the connection; where it was not we that ended it, the caller has left."""
        self._server.forget(self)
        if self._look_out is not None:
            self._look_out.cancel()
        if not self._ended:
            self._tell()
        super().connection_lost(exc)
        if self._current is not None and not self._current.body.is_eof():
            self._current.body.set_exception(exc or ConnectionResetError("the caller is gone"))
        self.end()
        if self.serving is None:
            self._let_go()

    def _let_go(self) -> None:
        """Let the parser go, which holds us as we hold it: a connection leaves no garbage for the collector to find."""
        self._parser = None
        del self._reader

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────

    def _parse(self, data: bytes) -> tuple[list[CallerRequest], HttpProcessingError | None]:
        """Return the requests that `data` completes the heads of, and what could not be read behind them."""
        requests: list[CallerRequest] = []
        rest, goes_on = data, True
        try:
            while goes_on:
                messages, goes_on, rest = self._reader.feed_data(rest)
                requests += [self._request(message, body) for message, body in messages]
                if goes_on:  # an upgrade is declined (RFC 9110 §7.8): what follows is the next request
                    self._reader.set_upgraded(False)
                    if self._server.upgrades and self._holds(requests, rest):
                        return requests, None
        except HttpProcessingError as error:
            return requests, error
        self._reckon(data, requests)
        if self._due and messages and messages[-1][0].upgrade:  # to another protocol: the parser drops what is behind
            requests[-1].last = True
        return requests, None

    def _holds(self, requests: list[CallerRequest], early: bytes) -> bool:
        """Tell whether the last request is a handshake, behind which all waits for its answer: `early` is here."""
        shaking = handshake.of(self, requests[-1], self._server.upgrades) if requests else None
        if shaking is None:
            return False
        requests[-1] = shaking
        shaking.hold(early, self._server.handle)
        self._due = -1  # if it is HTTP again, it is parsed: nothing on this connection is recalled any more
        return True

    def _request(self, message: RawRequestMessage, body: StreamReader) -> CallerRequest:
        request = CallerRequest(self, message.method, message.path, message.raw_headers, body)
        request.version, request.last = message.version, message.should_close
        request.length = None if message.chunked else int(message.headers.get("Content-Length") or 0)
        return request

    # ── what need not be parsed again ───────────────────────────────────────────────────────────────────────

    def _recall(self, data: bytes) -> bool:
        """Take a request whose fields were parsed before, and tell whether `data` is one."""
        recalled = self._heads.recall(data)
        if recalled is None:
            return False
        line, method, target, known = recalled
        request = CallerRequest(self, method, target, known.fields, EMPTY_PAYLOAD)
        request.known, request.line = known, line
        request.last = known.last or self._server.is_ending
        self._body = EMPTY_PAYLOAD
        self.serving = serving = self._server.ask_at_once(request)
        if serving is None:
            self._enqueue(request)
        else:
            self._server.carrying.add(self)
        return True

    def _reckon(self, data: bytes, requests: list[CallerRequest]) -> None:
        """Keep count of where the next request begins: only there can one be recalled, and is one learned."""
        if self._due > 0 and not requests:
            self._due = max(-1, self._due - len(data))
        elif self._due == 0 and len(requests) == 1 and (length := requests[0].length) is not None:
            self._due = max(-1, data.find(b"\r\n\r\n") + 4 + length - len(data))
            if self._due == length == 0:
                self._learn(data, requests[0])
        elif data:
            self._due = -1

    def _learn(self, data: bytes, request: CallerRequest) -> None:
        if request.body is EMPTY_PAYLOAD and request.version == HTTP_11:
            request.known = self._heads.learn(data, request.fields, last=request.last)

    def _stumble(self, error: HttpProcessingError) -> None:
        """Read no more. In a body it is the reader that is told; else the caller, in its turn."""
        self._given_up = True
        if self._body is not None and not self._body.is_eof():
            self._body.set_exception(BrokenBody("the chunks cannot be read"))
        else:
            self._enqueue(refusal(error, self._limits))

    def _give_up(self, error: errors.SidecarError) -> None:
        """Answer in its turn what is not whole and never will be, and read no more."""
        if not (self._given_up or self._ended):
            self._given_up = True
            self._enqueue(error)

    def _enqueue(self, *waiting: CallerRequest | errors.SidecarError) -> None:
        self._queue.extend(waiting)
        if len(self._queue) >= _QUEUE and not self._buffer_paused:
            self._pause_reading_for_buffer()
        if self.serving is None:
            self._serve_next()

    # ── serving ─────────────────────────────────────────────────────────────────────────────────────────────

    def carry(self, waiting: CallerRequest | errors.SidecarError) -> None:
        """Answer what waits, in a task."""
        self.serving = self._loop.create_task(self._serve(waiting), context=self._context.copy())

    def _serve_next(self) -> None:
        self.carry(self._queue.popleft())
        if self._buffer_paused and not self._queue:
            self._read_on()

    def _read_on(self) -> None:
        """Read again after a pause, but for what of it is here already and fills the queue anew."""
        self.data_received(b"")
        if len(self._queue) < _QUEUE:
            self._resume_reading_for_buffer()

    async def _serve(self, waiting: CallerRequest | errors.SidecarError) -> None:
        """Answer what waits, and go on with the next unless the connection ends."""
        goes_on = False
        try:
            if isinstance(waiting, CallerRequest):
                goes_on = await self._carry(waiting)
            else:
                self._refuse(waiting)
        except ConnectionError:
            return  # nobody is there to be answered
        finally:
            if isinstance(waiting, CallerRequest) and not waiting.line:
                self._reader.message_consumed()
            self._go_on(goes_on=goes_on)

    def served(self, request: CallerRequest) -> None:
        """Go on behind a request that was answered without a task."""
        self.departure = None
        self._server.carrying.discard(self)
        self._go_on(goes_on=not request.last)

    def _go_on(self, *, goes_on: bool) -> None:
        self.serving = None
        self._watch.request_is_over(self._loop.time())
        if not goes_on or self._ended:
            self.end()
            if self.transport is None:
                self._let_go()
        elif self._queue:
            self._serve_next()

    async def _carry(self, request: CallerRequest) -> bool:
        """Have one request answered; tell whether another may follow on this connection."""
        request.last = request.last or self._server.is_ending
        self._current = request
        try:
            await self._handle(request)
            whole = request.body.is_eof() or await self._drop_rest(request.body)
        finally:
            self._current = None
        return whole and not request.last and not (self._look_out is not None and not self._queue)

    async def _handle(self, request: CallerRequest) -> None:
        self._server.carrying.add(self)
        handle, request.carrier = request.carrier or self._server.handle, None  # it may hold the request, and so itself
        try:
            await handle(request)
        except ConnectionError:
            raise
        except Exception:  # noqa: BLE001  # whatever a handler's bug is, its caller is told, or cut
            _log.exception("unexpected failure")
            self._fail(request)
        finally:
            self._server.carrying.discard(self)

    def _fail(self, request: CallerRequest) -> None:
        if request.has_begun:
            raise ConnectionError("a reply has begun already")
        request.last = True
        error = errors.SidecarError("the request could not be handled")
        request.answer(rescue.reply_to(error, self._server.tell(error)))

    async def _drop_rest(self, body: StreamReader) -> bool:
        """Read the rest of a body that nobody wants, for a while; tell whether its end has come."""
        try:
            async with asyncio.timeout(_LINGERING):
                await asyncio.sleep(0)  # whoever read it until now was cancelled, and needs a turn to be gone
                while not body.at_eof():
                    await body.readany()
        except (TimeoutError, BrokenBody):
            return False
        return True

    def _refuse(self, error: errors.SidecarError) -> None:
        """Answer what was no request; the connection ends with it."""
        answer = rescue.reply_to(error, self._server.tell(error))
        if (transport := self.writable()) is not None:
            transport.write(last_words(answer))

    # ── writing ─────────────────────────────────────────────────────────────────────────────────────────────

    def writable(self) -> asyncio.WriteTransport | None:
        """Return what may be written to behind all that waits, None where nobody is there any more."""
        if self._unwritten:
            self.write_now()
        return None if self.transport is None or self.transport.is_closing() else self.transport

    def write_in_turn(self, data: bytes) -> None:
        """Write a short and whole reply with all others of this turn; not to be called where nothing is `writable`."""
        self._unwritten = data
        self._server.turn.add(self)

    def write_now(self) -> None:
        """Write what waits for the end of the turn."""
        data, self._unwritten = self._unwritten, b""
        if data and self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    @property
    def is_clear(self) -> bool:
        """Tell whether nothing of what was written before waits for the caller to take it."""
        return not self._unwritten and (self.transport is None or not self.transport.get_write_buffer_size())

    # ── the caller's leaving, and ours ──────────────────────────────────────────────────────────────────────

    @property
    def looks_out(self) -> bool:
        """Tell whether the caller sends no more, and so is looked for."""
        return self._look_out is not None

    async def look(self) -> None:
        """Find out whether a caller that sends no more is there; where it is not, tell so and end the connection."""
        transport = self.transport
        if self._look_out is not None and transport is not None and await patience.is_abandoned(transport):
            self._tell()
            transport.abort()

    def close_unless_owing(self) -> None:
        """Close the connection where no reply is due on it."""
        if self.transport is not None and not self._owes_a_reply():
            self.write_now()
            self.transport.close()

    def close_if_idle(self) -> bool:
        """Close the connection and return True, unless a request is on it: one that is carried, or about to be."""
        if self.serving is not None:
            return False
        self.end()
        return True

    def end(self) -> None:
        """Close the connection once what is written has gone out; a request on it may run on, with nobody to answer."""
        self._ended = True
        if self.transport is not None:
            self.write_now()
            self.transport.close()

    async def taken(self) -> None:
        """Return when more may be written; ConnectionError if the connection is gone."""
        try:
            await self._drain_helper()
        except asyncio.CancelledError:
            self._drain_waiter = None  # it was cancelled with us; whoever waits next needs another
            raise

    def _tell(self) -> None:
        if self.departure is not None:
            self.departure.happen()

    def _owes_a_reply(self) -> bool:
        """Tell whether requests are here whose replies are due, the last of them whole."""
        last = self._queue[-1] if self._queue else self._current  # None, too, of one that was asked at once
        if isinstance(last, CallerRequest):
            return last.body.is_eof()
        return bool(self._queue) or self.serving is not None  # it may not have begun yet

    # ── deadlines ───────────────────────────────────────────────────────────────────────────────────────────

    def sweep(self, now: float) -> None:
        """Keep the deadlines: of a head that does not end, of an idle connection, and of a reply that is not taken."""
        transport = self.transport
        if transport is None or self._sweep_unsent(transport, now):
            return
        overdue = self._watch.overdue(now, serving=self.serving is not None)
        if overdue == HEAD:
            seconds = self._limits.head_timeout
            self._give_up(errors.CallerTimeout(f"the head of the request was not whole after {seconds:g} s"))
        elif overdue == IDLE:
            self.end()

    def _sweep_unsent(self, transport: asyncio.Transport, now: float) -> bool:
        """Tell whether bytes of a reply wait for the caller, after cutting one that does not take them."""
        if not transport.get_write_buffer_size():
            self._watch.all_is_sent()
            return False
        written = self.serving is not None and not transport.is_closing()
        if self._watch.is_stuck(now, untaken(transport), written=written):
            transport.abort()
        return True


def _keep_alive(transport: asyncio.Transport) -> None:
    """Let the kernel notice a caller that vanished."""
    plug = transport.get_extra_info("socket")
    if plug is not None:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
