from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

from aiohttp import web
from operating import until
from rawcaller import request

from sidecar.server.unfinished import Unfinished

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SIZE = 60_000  # below what the connection's buffer takes without making the handler wait


@contextlib.asynccontextmanager
async def slow_caller(unfinished: Unfinished) -> AsyncIterator[socket.socket]:
    """Connect with buffers so small that a reply stays on the sidecar's side until it is read."""
    runner = web.ServerRunner(unfinished.server, shutdown_timeout=0.2)
    await runner.setup()
    with socket.socket() as listener, socket.socket() as slow:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
        listener.bind(("127.0.0.1", 0))
        await web.SockSite(runner, listener).start()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        slow.setblocking(False)  # noqa: FBT003  # the standard library's signature
        loop = asyncio.get_running_loop()
        await loop.sock_connect(slow, listener.getsockname())
        await loop.sock_sendall(slow, request(b"GET", b"/"))
        yield slow
        await runner.cleanup()


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
