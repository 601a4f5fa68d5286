"""FinHub's reply on its way to the caller: streamed, byte for byte, and never passed off as whole when it is not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web
from multidict import CIMultiDict

from sidecar import errors
from sidecar.gateway.fields import to_caller

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractContextManager

    from sidecar.gateway.pace import Pace
    from sidecar.gateway.record import Record
    from sidecar.gateway.upstream import Reply

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER's value with which a close is a reset."""


class UpstreamResponse(web.StreamResponse):
    """A reply with the fields that FinHub sent, and no Content-Type, Date or Server that it did not."""

    def __init__(self, reply: Reply) -> None:
        fields = CIMultiDict((name.decode(), value.decode()) for name, value in to_caller(reply.fields))
        super().__init__(status=reply.status, reason=_reason(reply.reason), headers=fields)
        self._theirs = frozenset(name.lower() for name in fields)

    def take_out_additions(self) -> None:
        """Remove what the library filled in on its own."""
        for name in (hdrs.CONTENT_TYPE, hdrs.DATE, hdrs.SERVER):
            if name.lower() not in self._theirs:
                self.headers.popall(name, None)


def _reason(reason: str) -> str:
    """Return the reason phrase, or none where it could not be carried as it is."""
    return reason if reason.isprintable() and reason.isascii() else ""


def invite_body(request: web.BaseRequest) -> None:
    """Send `100 Continue` to a caller that waits for it; called only when its body is really wanted."""
    expects = request.headers.get(hdrs.EXPECT, "").lower() == "100-continue"
    if expects and request.version >= (1, 1) and request.transport is not None:
        request.transport.write(_CONTINUE)


class Stalled(Exception):
    """The caller takes its reply too slowly, or is the slowest while others wait for a connection."""


class Taking:
    """The waiting for one caller that takes its reply, bounded by `pace`; each wait is a context of `noted`."""

    def __init__(
        self, pace: Pace, noted: Callable[[asyncio.Timeout], AbstractContextManager[object]] = contextlib.nullcontext
    ) -> None:
        self._pace = pace
        self._noted = noted
        self._waited = 0.0

    async def wait(self, writing: Awaitable[None], taken: int) -> None:
        """Let `writing` go on while the caller keeps the pace; Stalled if it does not. `taken`: bytes so far."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._pace.patience(self._waited, taken)) as patience:
                with self._noted(patience):
                    await writing
        except TimeoutError:
            raise Stalled from None
        finally:
            self._waited += loop.time() - began


async def deliver(request: web.BaseRequest, reply: Reply, record: Record, pace: Pace) -> web.StreamResponse:
    """Stream `reply` to the caller and return the response, written or cut.

    When FinHub's reply ends before its end, the caller's connection is aborted: no last chunk, no clean close, so
    that no caller takes a part for the whole. When the caller leaves, or takes it too slowly, the reply is given up.
    """
    response = UpstreamResponse(reply)
    transport = request.transport  # at the end of the process the request forgets it before it is cancelled
    taking = Taking(pace, lambda patience: reply.slots.held_up(patience, lambda: _unsent(transport)))
    record.status, record.source = reply.status, "upstream"
    try:
        await response.prepare(request)
        async for chunk in reply.chunks():
            await taking.wait(response.write(chunk), record.sent)
            record.sent += len(chunk)
        await taking.wait(response.write_eof(), record.sent)
    except Stalled:
        record.outcome = "caller_stalled"
        _cut(transport, reply)
    except errors.UpstreamError as error:
        record.outcome, record.reason = "aborted", error.proxy_error
        _cut(transport, reply)
    except ConnectionError:
        record.outcome = "caller_left"
        _cut(transport, reply)
    except BaseException:  # whatever ends it, a part must not look whole
        _cut(transport, reply)
        raise
    return response


async def tell(request: web.BaseRequest, response: web.Response, record: Record, pace: Pace) -> web.StreamResponse:
    """Send a reply of our own and return it; a caller that has left, or does not take it, is noted."""
    record.status = response.status
    try:
        await response.prepare(request)
        await Taking(pace).wait(response.write_eof(), 0)
        record.sent = 0 if request.method == hdrs.METH_HEAD else response.content_length or 0
    except ConnectionError:
        record.status, record.outcome = 0, "caller_left"
    except Stalled:
        record.status, record.outcome = 0, "caller_stalled"
        _abort(request.transport)
    return response


def _unsent(transport: asyncio.Transport | None) -> int:
    return 0 if transport is None else transport.get_write_buffer_size()


def _cut(transport: asyncio.Transport | None, reply: Reply) -> None:
    """End both connections at once; neither is of use to anybody any more.

    The caller's ends with a reset: a body without a length or chunks (HTTP/1.0) would look whole after an orderly end.
    """
    reply.close()
    _abort(transport)


def _abort(transport: asyncio.Transport | None) -> None:
    if transport is None:
        return
    with contextlib.suppress(OSError):  # it is closed already
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()
