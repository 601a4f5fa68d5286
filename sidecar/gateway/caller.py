"""The caller's connection: aiohttp's low-level server, taught to refuse in our words and to add nothing to a reply.

aiohttp's router, middlewares and access log are left out on purpose: they read targets their own way, and the log
prints queries.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion10, HttpVersion11, RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.http_parser import HttpRequestParser
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import ERROR, _ErrInfo

from sidecar import errors
from sidecar.gateway import rescue
from sidecar.gateway.delivery import UpstreamResponse
from sidecar.gateway.patience import PatientConnection

if TYPE_CHECKING:
    import asyncio

    from aiohttp import StreamReader

    from sidecar.gateway.caller_limits import CallerLimits
    from sidecar.gateway.caller_server import CallerServer

MOST_FIELDS: Final = 256
"""Fields of one request, beside the bound of their bytes."""

_READ_AHEAD: Final = 32768
"""So much of a body waits for its reader, twice at most and one read of the socket more."""

_QUEUE: Final = 2
"""Requests that may wait, parsed, for their turn; more are not read."""

_SEND_BUFFER: Final = 131072
"""Bytes of a reply that the kernel is asked to hold for a caller; it may take twice as many."""

_LINGERING: Final = 2.0
"""Seconds in which the rest of a refused body is read and dropped: closed at once, the refusal would be lost."""

_NEVER: Final = 1e9
"""Seconds after which aiohttp would close an idle connection; ours are looked after by `CallerServer.sweep`."""


class Unread(Exception):
    """What ends a connection whose request was not whole; `error` is what its caller is told."""

    def __init__(self, error: errors.SidecarError) -> None:
        super().__init__(error.detail)
        self.error = error


class CallerRequest(web.BaseRequest):
    """aiohttp's request, whose reply gets no field of aiohttp's own. `spoken`: the caller's version of HTTP."""

    def __init__(self, message: RawRequestMessage, *rest: Any) -> None:
        super().__init__(message, *rest)
        self.spoken = message.version
        if message is ERROR or message.version not in (HttpVersion10, HttpVersion11):
            self._version = HttpVersion11  # the reply's: whoever spoke something else is told in ours

    async def _prepare_hook(self, resp: web.StreamResponse) -> None:
        if isinstance(resp, UpstreamResponse):
            resp.take_out_additions()
        else:
            resp.headers.popall(hdrs.SERVER, None)


class CallerConnection(PatientConnection):
    """aiohttp's connection. What its parser cannot read is refused as a problem, without an echo of the bytes."""

    __slots__ = ("_body", "_given_up", "_head_began", "_head_size", "_idle_since", "_limits", "_server", "_unsent")

    def __init__(self, server: CallerServer, limits: CallerLimits, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,
            keepalive_timeout=_NEVER,
            read_bufsize=_READ_AHEAD,
            lingering_time=_LINGERING,
        )
        # aiohttp queues up to 32 pipelined requests, and has no public way to fewer.
        self._max_msg_queue_size, self._msg_queue_resume_size = _QUEUE, 0
        self._parser = HttpRequestParser(
            self,
            loop,
            _READ_AHEAD,
            max_line_size=limits.longest_line,
            max_field_size=limits.max_field,
            max_headers=MOST_FIELDS,
            payload_exception=web.RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=_QUEUE,
        )
        self._server = server
        self._limits = limits
        self._body: StreamReader | None = None  # of the last request that was parsed
        self._head_began: float | None = None
        self._head_size = 0
        self._idle_since = loop.time()
        self._unsent: tuple[float, int] | None = None
        self._given_up = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # what a listener makes
        """Take the connection, or hand it over to be turned away where there are too many."""
        if len(self._server.connections) >= self._limits.max_connections:
            self._server.turn_away(transport)
            return
        _keep_steps_small(transport)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Take bytes in. A body whose chunks cannot be read fails now; aiohttp would leave its reader waiting."""
        if self._given_up:
            return
        parsed, in_body = self._request_count, self._body is not None and not self._body.is_eof()
        super().data_received(data)
        if self._request_count != parsed and self._messages:
            self._body = self._messages[-1][1]
            self._head_began, self._head_size = None, 0
        elif data and not in_body:
            self._watch_head(data)
        if not self._messages or isinstance(self._messages[-1][0], RawRequestMessage):
            return
        request = self._current_request
        broken = self._messages[-2][1] if len(self._messages) > 1 else request and request.content
        if broken and not broken.is_eof():
            broken.set_exception(web.RequestPayloadError("the chunks cannot be read"))

    def _watch_head(self, data: bytes) -> None:
        """Note how much of a head has come, and since when; empty lines in front of it count for nothing."""
        if self._head_began is None:
            if not data.strip(b"\r\n"):
                return
            self._head_began = self._loop.time()
        self._head_size += len(data)
        if self._head_size > self._limits.largest_head:
            self._give_up(errors.FieldsTooLarge(f"the head exceeds {self._limits.largest_head} bytes"))

    def _give_up(self, error: errors.SidecarError) -> None:
        """Answer in its turn what is not whole and never will be, and read no more."""
        if self._close or self._force_close:
            return
        self._given_up = True
        self._messages.append((_ErrInfo(status=error.status, exc=Unread(error), message=""), EMPTY_PAYLOAD))
        if self._waiter is not None and self._is_waiting:
            self._waiter.set_result(None)

    def sweep(self, now: float) -> None:
        """Keep the deadlines: of a head that does not end, of an idle connection, and of a reply that is not taken."""
        transport = self.transport
        if transport is None or self._sweep_unsent(transport, now):
            return
        if not self._is_waiting:
            self._idle_since = now
            if self._head_began is not None:
                self._head_began = now  # what came too early waits for its turn
        elif self._head_began is not None and now - self._head_began >= self._limits.head_timeout:
            seconds = self._limits.head_timeout
            self._give_up(errors.CallerTimeout(f"the head of the request was not whole after {seconds:g} s"))
        elif self._head_began is None and now - self._idle_since >= self._limits.idle_timeout:
            self.force_close()

    def _sweep_unsent(self, transport: asyncio.Transport, now: float) -> bool:
        """Tell whether bytes of a reply wait for the caller, after cutting one that does not take them.

        While a handler writes, new bytes take the place of old ones: then no change at all is what stands still.
        """
        left = transport.get_write_buffer_size()
        if not left:
            self._unsent = None
            return False
        if self._unsent is None or (self._unsent[1] != left and not (self._is_waiting or transport.is_closing())):
            self._unsent = (now, left)
        since, size = self._unsent
        if self._limits.write.patience(now - since, max(0, size - left)) <= 0:
            transport.abort()
        return True

    def close_if_idle(self) -> bool:
        """Close the connection and return True, unless a request is on it: one that is carried, or about to be.

        aiohttp's own `close` leaves an idle connection open and deaf, and lets an upload that is under way starve.
        """
        idle = self._is_waiting
        if idle:
            self.force_close()
        return idle

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log what aiohttp did not expect, but for a broken body: the request's own line tells of that."""
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kw)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,  # noqa: ARG002  # aiohttp's signature; our error has its own status
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  # as above; it quotes the caller's bytes
    ) -> web.StreamResponse:
        """Return the refusal of what could not be parsed; the connection ends with it."""
        if request.writer.output_size > 0:
            raise ConnectionError("a reply has begun already")
        error = _refusal(exc, self._limits)
        response = rescue.reply_to(error, self._server.tell(error))
        response.force_close()
        return response


def _keep_steps_small(transport: asyncio.Transport) -> None:
    """Let the kernel hold little of a reply, so that a caller's progress shows in small steps."""
    plug = transport.get_extra_info("socket")
    if plug is not None and plug.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) > _SEND_BUFFER:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)


def spoken_by(request: web.BaseRequest) -> tuple[int, int]:
    """Return the version of HTTP that the caller wrote, also where the reply is in another one."""
    return request.spoken if isinstance(request, CallerRequest) else request.version


def _refusal(exc: BaseException | None, limits: CallerLimits) -> errors.SidecarError:
    """Return what ended the connection in our words; the parser tells a long line from a long field by the limit."""
    if isinstance(exc, Unread):
        return exc.error
    if isinstance(exc, LineTooLong) and exc.args[1] == limits.longest_line:
        return errors.TargetTooLong(f"the request target exceeds {limits.max_target} bytes")
    if isinstance(exc, LineTooLong):
        return errors.FieldsTooLarge(f"a header field exceeds {limits.max_field} bytes")
    if "Too many headers" in str(exc):
        return errors.FieldsTooLarge(f"there are more than {MOST_FIELDS} header fields")
    if isinstance(exc, HttpProcessingError):
        return errors.MalformedRequest("the request is not well-formed HTTP/1.1")
    return errors.SidecarError("the request could not be handled")
