"""What follows a switch of protocols: both sides' bytes as they come, and the end of each (RFC 9110 §7.8).

Nothing in them is looked at. Neither side is read faster than the other takes it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sidecar import errors
from sidecar.gateway.delivery import Stalled, Taking, reason_of
from sidecar.gateway.fields import to_caller

if TYPE_CHECKING:
    from sidecar.gateway.handshake import Behind, Handshake
    from sidecar.gateway.pace import Pace
    from sidecar.gateway.record import Record
    from sidecar.gateway.upstream import Reply

LAST_WORDS: Final = 2.0
"""Seconds that one side may stay silent once the other has ended."""


async def carry(request: Handshake, reply: Reply, record: Record, pace: Pace) -> None:
    """Say yes to the caller as FinHub did in `reply`, and pass on both sides' bytes until both have ended.

    An end of one side is passed on behind its last byte; then the other one has time for its last words. It is idle
    when neither says anything.
    """
    fields = to_caller(reply.fields)
    record.status, record.source = reply.status, "upstream"
    try:
        behind = request.switch(reason_of(reply.reason), fields)
    except ConnectionError:
        record.outcome = "caller_left"
        return
    request.tell(None)  # its leaving is the end of one side, and what it said before goes on to FinHub
    upward = asyncio.create_task(_to_finhub(behind, reply, record))
    try:
        await _to_caller(request, reply, record, pace)
        await asyncio.wait({upward}, timeout=LAST_WORDS)
        reply.end()
    except BaseException:  # the end of the process, as a rule; no part must look whole
        request.abort()
        raise
    finally:
        upward.cancel()


async def _to_finhub(behind: Behind, reply: Reply, record: Record) -> None:
    """Pass on what the caller says; once FinHub takes nothing any more it is dropped."""
    while chunk := await behind.read():
        if await reply.write(chunk):
            record.received += len(chunk)
    reply.end_sending(LAST_WORDS)


async def _to_caller(request: Handshake, reply: Reply, record: Record, pace: Pace) -> None:
    """Pass on what FinHub says, and note what ended it."""
    behind, broken = request.behind, False
    taking = Taking(request, pace, lambda patience: reply.slots.held_up(patience, request.unsent))
    try:
        async for chunk in reply.chunks():
            request.write(chunk)
            record.sent += len(chunk)
            if request.is_held_up:
                await taking.wait(record.sent)
    except Stalled:
        record.outcome = "caller_stalled"
        request.abort()
    except errors.UpstreamError as error:
        if not behind.ended:
            record.outcome, record.reason = "aborted", error.proxy_error
    except ConnectionError:
        broken = True
    if (broken or behind.ended) and not behind.in_order:
        record.outcome = "caller_left"
    request.finish()
