"""FinHub's reply on its way to the caller: streamed, byte for byte, and never passed off as whole when it is not."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from sidecar import errors
from sidecar.gateway.fields import to_caller

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractContextManager

    from sidecar.answer import Answer
    from sidecar.gateway.caller_request import CallerRequest
    from sidecar.gateway.pace import Pace
    from sidecar.gateway.record import Record
    from sidecar.gateway.upstream import Reply
    from sidecar.rawfields import RawFields


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


async def deliver(request: CallerRequest, reply: Reply, record: Record, pace: Pace) -> None:
    """Send `reply` to the caller: in one piece where all of it is here, else as it comes.

    When FinHub's reply ends before its end, the caller's connection is aborted: no last chunk, no clean close, so
    that no caller takes a part for the whole. When the caller leaves, or takes it too slowly, the reply is given up.
    """
    fields = to_caller(reply.fields)
    record.status, record.source = reply.status, "upstream"
    taking = Taking(pace, lambda patience: reply.slots.held_up(patience, request.unsent))
    try:
        whole = reply.whole
        if whole is None:
            await _stream(request, reply, fields, record, taking)
        else:
            request.reply(reply.status, reason_of(reply.reason), fields, whole)
            record.sent = len(whole)
            reply.close()
        if request.is_held_up:
            await taking.wait(request.taken(), record.sent)
    except Stalled:
        record.outcome = "caller_stalled"
        _cut(request, reply)
    except errors.UpstreamError as error:
        record.outcome, record.reason = "aborted", error.proxy_error
        _cut(request, reply)
    except ConnectionError:
        record.outcome = "caller_left"
        _cut(request, reply)
    except BaseException:  # whatever ends it, a part must not look whole
        _cut(request, reply)
        raise


async def _stream(request: CallerRequest, reply: Reply, fields: RawFields, record: Record, taking: Taking) -> None:
    request.begin(reply.status, reason_of(reply.reason), fields)
    async for chunk in reply.chunks():
        request.write(chunk)
        if request.is_held_up:
            await taking.wait(request.taken(), record.sent)
        record.sent += len(chunk)
    request.end()


def reason_of(reason: bytes) -> bytes:
    """Return the reason phrase, or none where it could not be carried as it is."""
    return reason if reason.isascii() and reason.decode("ascii").isprintable() else b""


async def tell(request: CallerRequest, answer: Answer, record: Record, pace: Pace) -> None:
    """Send a reply of our own; a caller that has left, or does not take it, is noted."""
    record.status = answer.status
    try:
        record.sent = request.answer(answer)
        if request.is_held_up:
            await Taking(pace).wait(request.taken(), 0)
    except ConnectionError:
        record.status, record.sent, record.outcome = 0, 0, "caller_left"
    except Stalled:
        record.status, record.sent, record.outcome = 0, 0, "caller_stalled"
        request.abort()


def _cut(request: CallerRequest, reply: Reply) -> None:
    """End both connections at once; neither is of use to anybody any more."""
    reply.close()
    request.abort()
