"""FinHub's reply on its way to the caller: streamed, byte for byte, and never passed off as whole when it is not."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from sidecar import errors
from sidecar.gateway.fields import to_caller

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from sidecar.answer import Answer
    from sidecar.gateway.caller_request import CallerRequest
    from sidecar.gateway.pace import Pace
    from sidecar.gateway.record import Record
    from sidecar.gateway.slots import Holdup
    from sidecar.gateway.upstream import Reply
    from sidecar.rawfields import RawFields

    HeldUp = Callable[[asyncio.Timeout], AbstractContextManager[Holdup | None]]


_NOTED_BY_NOBODY: Final = contextlib.nullcontext(None)


class Stalled(Exception):
    """The caller takes its reply too slowly, or is the slowest while others wait for a connection."""


class Taking:
    """The waiting for one caller that takes its reply, bounded by `pace`.

    `held_up` is the context of each wait; what it yields tells whether the reply is to give way to others.
    """

    def __init__(self, request: CallerRequest, pace: Pace, held_up: HeldUp = lambda _: _NOTED_BY_NOBODY) -> None:
        self._request = request
        self._pace = pace
        self._held_up = held_up
        self._waited = 0.0

    async def wait(self, written: int) -> None:
        """Return when more may be written, `written` bytes so far; Stalled if the caller does not keep the pace."""
        while True:
            before = self._request.unsent()
            if await self._taken_in_time(written - before):
                return
            left = self._request.unsent()
            if left >= before or self._pace.patience(self._waited, written - left) <= 0:
                raise Stalled

    async def _taken_in_time(self, taken: int) -> bool:
        """Tell whether more may be written within the time for the next bytes, after `taken`."""
        loop = asyncio.get_running_loop()
        began, holdup = loop.time(), None
        try:
            async with asyncio.timeout(self._pace.patience(self._waited, taken)) as patience:
                with self._held_up(patience) as holdup:
                    await self._request.taken()
        except TimeoutError:
            if holdup is not None and holdup.gives_way:
                raise Stalled from None
            return False
        finally:
            self._waited += loop.time() - began
        return True


async def deliver(request: CallerRequest, reply: Reply, record: Record, pace: Pace) -> None:
    """Send `reply` to the caller: in one piece where all of it is here, else as it comes.

    When FinHub's reply ends before its end, the caller's connection is aborted: no last chunk, no clean close, so
    that no caller takes a part for the whole. When the caller leaves, or takes it too slowly, the reply is given up.
    """
    fields = to_caller(reply.fields)
    record.status, record.source = reply.status, "upstream"
    taking = Taking(request, pace, lambda patience: reply.slots.held_up(patience, request.unsent))
    try:
        whole = reply.whole
        if whole is None:
            await _stream(request, reply, fields, record, taking)
        else:
            request.reply(reply.status, reason_of(reply.reason), fields, whole)
            record.sent = len(whole)
            reply.close()
        if request.is_held_up:
            await taking.wait(record.sent)
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
        record.sent += len(chunk)
        if request.is_held_up:
            await taking.wait(record.sent)
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
            await Taking(request, pace).wait(record.sent)
    except ConnectionError:
        record.status, record.sent, record.outcome = 0, 0, "caller_left"
    except Stalled:
        record.status, record.sent, record.outcome = 0, 0, "caller_stalled"
        request.abort()


def _cut(request: CallerRequest, reply: Reply) -> None:
    """End both connections at once; neither is of use to anybody any more."""
    reply.close()
    request.abort()
