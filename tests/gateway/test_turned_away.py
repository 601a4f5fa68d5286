from __future__ import annotations

import asyncio

from rawcaller import calling, request

from sidecar import errors
from sidecar.gateway.turned_away import TurnedAway


async def test_a_connection_that_is_turned_away_hears_why_once_and_is_closed_in_order() -> None:
    error = errors.TooManyConnections("there are 2 connections already")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: TurnedAway(error, "an-id", lambda _: None), "127.0.0.1", 0)
    async with server, calling(server.sockets[0].getsockname()[1]) as caller:
        await caller.send(request(b"POST", b"/a", b"Content-Length: 5"))
        await asyncio.sleep(0.05)
        await caller.send(b"hello")  # to a closed connection it would be answered by a reset, and the reply lost
        await asyncio.sleep(0.05)
        heard = await caller.rest()
    assert (heard.status, heard.status_lines, heard.cause) == (503, 1, "connection_limit_reached")
    assert heard.raw.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert heard.get(b"Content-Length") == [str(len(heard.body)).encode()]
    assert b"an-id" in heard.body
    assert b"listen.max_connections" in heard.body
    assert not heard.reset


async def test_a_connection_that_is_turned_away_and_says_nothing_is_closed_all_the_same() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: TurnedAway(errors.TooManyConnections("full"), "an-id", lambda _: None), "127.0.0.1", 0
    )
    async with server, calling(server.sockets[0].getsockname()[1]) as caller:
        async with asyncio.timeout(5):
            heard = await caller.rest()
    assert heard.status_lines == 0
