from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from origin import OK, Visit, replying
from rawcaller import Caller, calling, request
from stage import eventually, staged

from sidecar.gateway.caller import CallerServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

SECRET = b"t0p-secret-bytes"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (SECRET + b"\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + SECRET, 400),
        (b"GET /" + SECRET + b" HTTP/9.9\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /" + SECRET + b"\r\n\r\n", 400),
        (b"FINHUB /" + SECRET + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (request(b"GET", b"/", b"X-A : " + SECRET), 400),
        (request(b"GET", b"/", b"X A: " + SECRET), 400),
        (request(b"GET", b"/", b"X-A: " + SECRET + b"\x00"), 400),
        (request(b"GET", b"/", b" folded: " + SECRET), 400),
        (b"GET /" + SECRET + b"a" * 17_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (request(b"GET", b"/", b"X-A: " + SECRET + b"a" * 33_000), 431),
        (request(b"GET", b"/", SECRET + b"a" * 33_000 + b": b"), 431),
        (request(b"GET", b"/", *[b"X-A: " + SECRET] * 257), 431),
    ],
)
async def test_what_cannot_be_parsed_is_refused_as_a_problem_without_an_echo(
    raw: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with staged(replying(OK)) as stage:
        heard = await stage.hear(raw)
        assert (heard.status, heard.cause) == (status, "http_request_error")
        assert heard.status_lines == 1
        assert heard.get(b"Server") == []
        assert b"t0p-secret" not in heard.raw
        assert b"aiohttp" not in heard.raw
        assert stage.origin.connections == 0
    assert caplog.text == ""


async def test_fields_and_targets_up_to_the_limits_pass() -> None:
    async with staged(replying(OK)) as stage:
        assert (await stage.ask(request(b"GET", b"/" + b"a" * 16_000))).raw == OK
        assert (await stage.ask(request(b"GET", b"/", b"X-A: " + b"a" * 32_000))).raw == OK
        assert (await stage.ask(request(b"GET", b"/", *[b"X-A: b"] * 250))).raw == OK


class Slow:
    """An upstream that answers when it is told to."""

    def __init__(self) -> None:
        self.answer = asyncio.Event()

    async def __call__(self, visit: Visit) -> None:
        await visit.request()
        await self.answer.wait()
        await visit.send(OK)


@pytest.mark.parametrize(
    "behind",
    [
        (SECRET + b"\r\n\r\n",),
        (request(b"POST", b"/b", b"Transfer-Encoding: chunked") + b"zz\r\n",),
        (request(b"POST", b"/b", b"Transfer-Encoding: chunked"), b"zz\r\n"),
        (request(b"POST", b"/b", b"Transfer-Encoding: chunked") + b"2\r\nok\r\n", b"zz\r\n"),
    ],
)
async def test_what_cannot_be_parsed_behind_a_request_is_refused_in_its_turn_and_at_once(
    behind: tuple[bytes, ...],
) -> None:
    slow = Slow()
    async with staged(slow) as stage, stage.caller() as caller:
        await caller.send(request(b"POST", b"/a", body=b"x"))
        await eventually(lambda: len(stage.origin.requests) == 1)
        for part in behind:
            await caller.send(part)
            await asyncio.sleep(0.01)
        slow.answer.set()
        async with asyncio.timeout(2):
            heard = await caller.rest()
        assert heard.raw.startswith(OK)
        assert b" 400 Bad Request\r\n" in heard.raw
        assert heard.status_lines == 2
        assert b"t0p-secret" not in heard.raw
        assert stage.origin.bodies == [b"x"]


async def test_a_broken_body_is_told_by_its_requests_event_and_by_no_line_of_the_library(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, logger="aiohttp")
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await caller.send(request(b"POST", b"/a", b"Transfer-Encoding: chunked") + b"2\r\nok\r\n")
        await asyncio.sleep(0.01)
        await caller.send(b"zz\r\n")
        heard = await caller.rest()
        assert (heard.status, heard.status_lines) == (400, 1)
        (line,) = await stage.over()
        assert (line.status, line.received) == (400, 2)
    assert caplog.text == ""


async def test_what_the_library_did_not_expect_is_still_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with staged(replying(OK)) as stage:
        assert stage.runner.server is not None
        connection = stage.runner.server()
        connection.log_exception("Unhandled exception", exc_info=ValueError("x"))
    assert "Unhandled exception" in caplog.text


async def test_a_connection_is_kept_for_the_next_request_unless_the_caller_says_otherwise() -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await caller.send(request(b"GET", b"/a"))
        assert (await caller.reply()).raw == OK
        await caller.send(request(b"GET", b"/a", b"Connection: close"))
        heard = await caller.rest()
        assert heard.raw == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
        assert not heard.reset


@contextlib.asynccontextmanager
async def handled(handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> AsyncIterator[Caller]:
    """Call a server whose handler is this one instead of the gateway."""
    runner = web.ServerRunner(CallerServer(handler), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with calling(runner.addresses[0][1]) as caller:
            yield caller
    finally:
        await runner.cleanup()


async def test_a_handler_that_fails_is_a_problem_without_the_failures_words() -> None:
    async def handler(_: web.BaseRequest) -> web.StreamResponse:
        raise ValueError("t0p-secret")

    async with handled(handler) as caller:
        await caller.send(request(b"GET", b"/a"))
        heard = await caller.rest()
        assert (heard.status, heard.cause) == (502, "proxy_internal_error")
        assert b"t0p-secret" not in heard.raw


async def test_a_handler_that_fails_in_its_reply_ends_the_connection_without_a_second_reply() -> None:
    async def handler(asked: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "10"})
        await response.prepare(asked)
        await response.write(b"half")
        raise ValueError("t0p-secret")

    async with handled(handler) as caller:
        await caller.send(request(b"GET", b"/a"))
        heard = await caller.rest()
        assert heard.status_lines == 1
        assert heard.body == b"half"
