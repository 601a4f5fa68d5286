from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest
from aiohttp import web

from sidecar.emulator.listener import Listener
from sidecar.errors import ListenError


def application() -> web.Application:
    async def hello(_request: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    return app


async def test_it_serves_between_start_and_stop_and_counts_connections() -> None:
    accepted: list[int] = []
    listener = Listener(application(), "127.0.0.1", lambda: accepted.append(1))
    port = await listener.start(0, None)
    async with aiohttp.ClientSession() as http:
        for _ in range(2):
            async with http.get(f"http://127.0.0.1:{port}/") as reply:
                assert await reply.text() == "hello"
        await listener.stop()
        with pytest.raises(aiohttp.ClientConnectionError):
            await http.get(f"http://127.0.0.1:{port}/")
    assert accepted == [1]


async def test_stopping_what_never_started_is_nothing() -> None:
    await Listener(application(), "127.0.0.1").stop()


async def test_a_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ListenError) as raised:
            await Listener(application(), "127.0.0.1").start(port, None)
    assert raised.value.detail == f"127.0.0.1:{port}: the port is in use"
    assert "--port and --admin-port" in raised.value.remedy


async def test_an_address_of_another_machine_is_refused_with_its_reason() -> None:
    with pytest.raises(ListenError) as raised:
        await Listener(application(), "192.0.2.1").start(0, None)
    assert raised.value.detail.startswith("192.0.2.1:0: ")
    assert "in use" not in raised.value.detail


async def test_fields_far_beyond_the_usual_size_are_taken() -> None:
    listener = Listener(application(), "127.0.0.1")
    port = await listener.start(0, None)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    many = "".join(f"X-{number}: {number}\r\n" for number in range(500))
    writer.write(f"GET / HTTP/1.1\r\nHost: a\r\nX-Long: {'x' * 60_000}\r\n{many}\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()
    await listener.stop()
