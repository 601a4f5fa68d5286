"""The caller's connection: aiohttp's low-level server, taught to refuse in our words and to add nothing to a reply.

aiohttp's router, middlewares and access log are left out on purpose: they read targets their own way, and the log
prints queries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion10, HttpVersion11, RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.web_protocol import ERROR

from sidecar import errors
from sidecar.gateway import rescue
from sidecar.gateway.delivery import UpstreamResponse

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

LARGEST_LINE: Final = 16384
LARGEST_FIELD: Final = 32768
MOST_FIELDS: Final = 256
KEEPALIVE_SECONDS: Final = 75.0


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


class CallerConnection(web.RequestHandler):
    """aiohttp's connection. What its parser cannot read is refused as a problem, without an echo of the bytes."""

    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        """Take bytes in. A body whose chunks cannot be read fails now; aiohttp would leave its reader waiting."""
        super().data_received(data)
        if not self._messages or isinstance(self._messages[-1][0], RawRequestMessage):
            return
        request = self._current_request
        broken = self._messages[-2][1] if len(self._messages) > 1 else request and request.content
        if broken and not broken.is_eof():
            broken.set_exception(web.RequestPayloadError("the chunks cannot be read"))

    def close_if_idle(self) -> bool:
        """Close the connection and return True, unless a request is on it: one that is carried, or about to be.

        aiohttp's own `close` leaves an idle connection open and deaf, and lets an upload that is under way starve.
        """
        idle = self._waiter is not None and not self._waiter.done()
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
        response = rescue.reply_to(_refusal(exc), str(uuid4()))
        response.force_close()
        return response


class CallerServer(web.Server):
    """aiohttp's low-level server, made of the two above. `connections` are those that are open now."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        super().__init__(handler, request_factory=_request)

    def __call__(self) -> CallerConnection:
        """Return the protocol of one new connection."""
        return CallerConnection(
            self,
            loop=self._loop,
            access_log=None,  # type: ignore[arg-type]  # aiohttp takes None for "no log", its annotation does not say so
            auto_decompress=False,
            keepalive_timeout=KEEPALIVE_SECONDS,
            max_line_size=LARGEST_LINE,
            max_field_size=LARGEST_FIELD,
            max_headers=MOST_FIELDS,
        )


def spoken_by(request: web.BaseRequest) -> tuple[int, int]:
    """Return the version of HTTP that the caller wrote, also where the reply is in another one."""
    return request.spoken if isinstance(request, CallerRequest) else request.version


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: asyncio.Task[None]) -> CallerRequest:
    return CallerRequest(message, payload, protocol, writer, task, task.get_loop())


def _refusal(exc: BaseException | None) -> errors.SidecarError:
    """Return what the parser's complaint means; it tells a long line from a long field by the limit alone."""
    if isinstance(exc, LineTooLong) and exc.args[1] == LARGEST_LINE:
        return errors.TargetTooLong(f"the request target exceeds {LARGEST_LINE} bytes")
    if isinstance(exc, LineTooLong):
        return errors.FieldsTooLarge(f"a header field exceeds {LARGEST_FIELD} bytes")
    if "Too many headers" in str(exc):
        return errors.FieldsTooLarge(f"there are more than {MOST_FIELDS} header fields")
    if isinstance(exc, HttpProcessingError):
        return errors.MalformedRequest("the request is not well-formed HTTP/1.1")
    return errors.SidecarError("the request could not be handled")
