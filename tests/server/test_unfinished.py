from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from aiohttp import web
from operating import until
from rawcaller import request
from slowcaller import slowly_read

from sidecar.server.unfinished import Unfinished

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

SIZE = 60_000  # below what the connection's buffer takes without making the handler wait


@contextlib.asynccontextmanager
async def slow_caller(unfinished: Unfinished) -> AsyncIterator[socket.socket]:
    """Ask for a reply that stays on the sidecar's side until it is read."""
    async with slowly_read(unfinished.server) as slow:
        await asyncio.get_running_loop().sock_sendall(slow, request(b"GET", b"/"))
        yield slow


async def test_a_request_is_not_over_while_it_is_carried() -> None:
    go = asyncio.Event()

    async def handle(_: web.BaseRequest) -> web.Response:
        await go.wait()
        return web.Response(text="done")

    unfinished = Unfinished(handle)
    assert len(unfinished) == 0
    async with slow_caller(unfinished):
        await until(lambda: len(unfinished) == 1)
        go.set()
        await until(lambda: len(unfinished) == 0)


async def test_a_request_is_not_over_before_its_caller_has_the_whole_reply() -> None:
    handled = asyncio.Event()

    async def handle(request: web.BaseRequest) -> web.Response:
        response = web.Response(body=bytes(SIZE))
        await response.prepare(request)
        await response.write_eof()
        handled.set()
        return response

    unfinished = Unfinished(handle)
    async with slow_caller(unfinished) as slow:
        await handled.wait()
        await asyncio.sleep(0.05)
        unfinished.close_idle()
        assert len(unfinished) == 1
        loop, received = asyncio.get_running_loop(), 0
        while received < SIZE:
            received += len(await loop.sock_recv(slow, 65536))
        await until(lambda: len(unfinished) == 0)


async def test_a_request_that_fails_is_over() -> None:
    async def handle(_: web.BaseRequest) -> web.Response:
        raise ConnectionError

    unfinished = Unfinished(handle)
    async with slow_caller(unfinished):
        await until(lambda: unfinished.server.requests_count == 1)
        await until(lambda: len(unfinished) == 0)
