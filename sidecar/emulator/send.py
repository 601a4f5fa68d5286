"""Replies onto the wire: whole, or spoilt on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web
from multidict import CIMultiDict

from sidecar import __version__
from sidecar.emulator.answers import Answer, Stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sidecar.emulator.answers import Reply

_SERVER: Final = f"FinHub-emulator/{__version__}"
_NO_BODY: Final = frozenset({204, 205, 304})


async def send(request: web.Request, reply: Reply) -> web.StreamResponse:
    """Send `reply` as it is meant."""
    if isinstance(reply, Stream):
        return await _stream(request, reply)
    if reply.status in _NO_BODY:
        return web.Response(status=reply.status, headers={hdrs.SERVER: _SERVER})
    return web.Response(status=reply.status, headers=_fields(reply), body=reply.body)


async def send_cut(request: web.Request, reply: Reply, after: int) -> web.StreamResponse:
    """Send the first `after` bytes of the body, having promised more, and close the connection."""
    response = web.StreamResponse(status=reply.status, headers=_fields(reply))
    promised = reply.length if isinstance(reply, Stream) else len(reply.body)
    if promised is not None:
        response.content_length = max(promised, after + 1)
    await response.prepare(request)
    left = after
    async for chunk in _chunks(reply):
        await response.write(chunk[:left])
        left -= len(chunk[:left])
        if left == 0:
            break
    return hang_up(request, response)


def hang_up(request: web.Request, response: web.StreamResponse | None = None) -> web.StreamResponse:
    """Close the connection now: what was written so far is all that the peer gets, an unfinished reply stays so."""
    if request.transport is not None:
        request.transport.close()
    return response or web.Response()


async def _stream(request: web.Request, reply: Stream) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=_fields(reply))
    response.content_length = reply.length
    await response.prepare(request)
    if request.method != hdrs.METH_HEAD:
        async for chunk in reply.chunks:
            await response.write(chunk)
    await response.write_eof()
    return response


def _fields(reply: Reply) -> CIMultiDict[str]:
    return CIMultiDict([*reply.fields, (hdrs.SERVER, _SERVER)])


async def _chunks(reply: Reply) -> AsyncIterator[bytes]:
    if isinstance(reply, Answer):
        yield reply.body
        return
    async for chunk in reply.chunks:
        yield chunk
