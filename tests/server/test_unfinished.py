from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from operating import until
from rawcaller import request
from slowcaller import slowly_read

from sidecar.answer import Answer
from sidecar.gateway.caller_server import CallerServer
from sidecar.server.unfinished import Unfinished

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

    from sidecar.gateway.caller_request import CallerRequest

SIZE = 60_000  # below what the connection's buffer takes without making the handler wait


@contextlib.asynccontextmanager
async def slow_caller(server: CallerServer) -> AsyncIterator[socket.socket]:
    """Ask for a reply that stays on the sidecar's side until it is read."""
    async with slowly_read(server) as slow:
        await asyncio.get_running_loop().sock_sendall(slow, request(b"GET", b"/"))
        yield slow


async def test_a_request_is_not_over_while_it_is_carried() -> None:
    go = asyncio.Event()

    async def handle(request: CallerRequest) -> None:
        await go.wait()
        request.answer(Answer(status=200, body=b"done"))

    server = CallerServer(handle)
    unfinished = Unfinished(server)
    assert len(unfinished) == 0
    async with slow_caller(server):
        await until(lambda: len(unfinished) == 1)
        go.set()
        await until(lambda: len(unfinished) == 0)


async def test_a_request_is_not_over_before_its_caller_has_the_whole_reply() -> None:
    handled = asyncio.Event()

    async def handle(request: CallerRequest) -> None:
        request.answer(Answer(status=200, body=bytes(SIZE)))
        handled.set()

    server = CallerServer(handle)
    unfinished = Unfinished(server)
    async with slow_caller(server) as slow:
        await handled.wait()
        await asyncio.sleep(0.05)
        unfinished.close_idle()
        assert len(unfinished) == 1
        loop, received = asyncio.get_running_loop(), 0
        while received < SIZE:
            received += len(await loop.sock_recv(slow, 65536))
        await until(lambda: len(unfinished) == 0)


async def test_a_request_that_fails_is_over() -> None:
    seen: list[int] = []

    async def handle(_: CallerRequest) -> None:
        seen.append(len(unfinished))
        raise ConnectionError

    server = CallerServer(handle)
    unfinished = Unfinished(server)
    async with slow_caller(server):
        await until(lambda: seen == [1])
        await until(lambda: len(unfinished) == 0)
