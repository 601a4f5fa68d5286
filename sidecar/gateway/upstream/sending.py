"""A request on its way: head and short body in one piece, a longer body as the caller sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.gateway.upstream.deadlines import NEVER
from sidecar.gateway.upstream.head import CHUNKED, head_of, measured
from sidecar.gateway.upstream.request import PREFETCH

if TYPE_CHECKING:
    from sidecar.gateway.upstream.answer import Answer
    from sidecar.gateway.upstream.connection import Connection
    from sidecar.gateway.upstream.request import Request


def begin(connection: Connection, request: Request) -> Answer:
    """Put the request on the wire, all of it where the body is short and here; return what is heard in reply."""
    method, fields, body = request.method, request.fields, request.body
    whole = body.whole if body.received <= PREFETCH else None
    if whole is not None:
        framing = measured(method, fields, len(whole))
    else:
        framing = CHUNKED if body.length is None else measured(method, fields, body.length)
    head = head_of(method, request.target, fields, framing)
    data = head + whole if whole else head
    return connection.ask(data, bodiless=method == "HEAD", whole=whole is not None)


async def stream(connection: Connection, answer: Answer, request: Request, response: float) -> None:
    """Send the body as it comes; `response` bounds, in seconds, how long FinHub may take nothing, or not reply.

    The clock runs only while it is FinHub that we wait for, and not once the reply has begun.
    """
    try:
        await _stream(connection, answer, request, response)
    except Exception as error:  # noqa: BLE001  # whatever it is, nobody may wait for a reply to half a request
        if not answer.arrived:
            answer.fail(error)
            connection.abort()


async def _stream(connection: Connection, answer: Answer, request: Request, response: float) -> None:
    def wait_for_finhub(seconds: float | None) -> None:
        if answer.arrived or answer.connection is None:
            return
        if seconds is None:
            connection.deadline = NEVER
        else:
            connection.allow(seconds)

    chunked = request.body.length is None
    wait_for_finhub(None)
    async for chunk in request.body.chunks():
        wait_for_finhub(response)
        if not await connection.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk):
            return
        wait_for_finhub(None)
    wait_for_finhub(response)
    sent = not chunked or await connection.write(b"0\r\n\r\n")
    if answer.connection is connection:  # else it is another's by now
        connection.sent = sent
