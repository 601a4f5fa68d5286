from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import pytest
from listening import on_port
from origin import OK, Visit, replying, silent
from rawcaller import Caller, calling, request
from slowcaller import slowly_read
from stage import Plan, Stage, eventually, staged

from sidecar.answer import Answer
from sidecar.gateway.caller_limits import CallerLimits
from sidecar.gateway.caller_server import CallerServer
from sidecar.gateway.turn import Turn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from sidecar.gateway.caller import CallerConnection
    from sidecar.gateway.caller_request import CallerRequest

    End = Callable[[CallerConnection], object]

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


async def test_a_connection_is_kept_for_the_next_request_unless_the_caller_says_otherwise() -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await caller.send(request(b"GET", b"/a"))
        assert (await caller.reply()).raw == OK
        await caller.send(request(b"GET", b"/a", b"Connection: close"))
        heard = await caller.rest()
        assert heard.raw == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
        assert not heard.reset


@contextlib.asynccontextmanager
async def handled(handler: Callable[[CallerRequest], Awaitable[None]]) -> AsyncIterator[Caller]:
    """Call a server whose handler is this one instead of the gateway."""
    async with on_port(CallerServer(handler)) as port, calling(port) as caller:
        yield caller


async def test_a_handler_that_fails_is_a_problem_without_the_failures_words_and_a_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler(_: CallerRequest) -> None:
        raise ValueError("t0p-secret")

    async with handled(handler) as caller:
        await caller.send(request(b"GET", b"/a"))
        heard = await caller.rest()
        assert (heard.status, heard.cause) == (502, "proxy_internal_error")
        assert b"t0p-secret" not in heard.raw
    assert "unexpected failure" in caplog.text


async def test_a_handler_that_fails_in_its_reply_ends_the_connection_without_a_second_reply() -> None:
    async def handler(asked: CallerRequest) -> None:
        asked.begin(200, b"OK", ((b"Content-Length", b"10"),))
        asked.write(b"half")
        raise ValueError("t0p-secret")

    async with handled(handler) as caller:
        await caller.send(request(b"GET", b"/a"))
        heard = await caller.rest()
        assert heard.status_lines == 1
        assert heard.body == b"half"


# ── deadlines and counts ────────────────────────────────────────────────────────────────────────────────────────


def swept(stage: Stage, later: float, since: float | None = None) -> None:
    """Let `later` seconds have passed, from now or since then, for the looks after connections."""
    stage.server.sweep((asyncio.get_running_loop().time() if since is None else since) + later)


@pytest.mark.parametrize("start", [b"G", b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"GET / HTTP/1.1\r\nX-A: b"])
async def test_a_head_that_does_not_end_is_answered_408_in_time_and_told(start: bytes) -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await caller.send(start)
        await asyncio.sleep(0.02)
        swept(stage, 9)
        assert stage.lines() == []
        swept(stage, 11)
        heard = await caller.rest()
        assert (heard.status, heard.status_lines, heard.cause) == (408, 1, "http_request_error")
        (line,) = await stage.over()
        assert (line.status, line.reason, line.method, line.attempts) == (408, "http_request_error", "", 0)
        assert line.request_id in heard.raw.decode()


async def test_a_drip_does_not_renew_the_time_of_a_head() -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await caller.send(b"GET /a HTTP/1.1\r\nHost: localhost\r\n")
        await asyncio.sleep(0.02)
        began = asyncio.get_running_loop().time()
        for _ in range(3):
            await asyncio.sleep(0.02)
            await caller.send(b"X-A: b\r\n")
            await asyncio.sleep(0.02)
        swept(stage, 10, since=began)
        assert (await caller.rest()).status == 408


async def test_the_time_of_a_head_begins_anew_with_each_request() -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        for _ in range(2):
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(0.02)
            await caller.send(b"GET /a HTTP/1.1\r\n")
            await asyncio.sleep(0.02)
            swept(stage, 10, since=began)
            await caller.send(b"Host: localhost\r\n\r\n")
            assert (await caller.reply()).raw == OK


async def test_the_time_of_a_head_does_not_run_while_the_request_before_it_is_carried() -> None:
    slow = Slow()
    async with staged(slow) as stage, stage.caller() as caller:
        began = asyncio.get_running_loop().time()
        await caller.send(request(b"GET", b"/a") + b"GET /b HTTP/1.1\r\n")
        await eventually(lambda: len(stage.origin.requests) == 1)
        await caller.send(b"Host: localhost\r\n")
        await asyncio.sleep(0.02)
        swept(stage, 1000, since=began)
        slow.answer.set()
        assert (await caller.reply()).raw == OK
        await eventually(lambda: len(stage.lines()) == 1)
        swept(stage, 1009, since=began)
        await caller.send(b"\r\n")
        assert (await caller.reply()).raw == OK


async def test_an_idle_connection_is_closed_in_time_without_a_word() -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await caller.send(request(b"GET", b"/a"))
        assert (await caller.reply()).raw == OK
        await eventually(lambda: len(stage.lines()) == 1)
        swept(stage, 74)
        swept(stage, 76)
        heard = await caller.rest()
        assert (heard.raw, heard.reset) == (b"", False)


async def test_a_request_that_takes_long_is_no_idle_connection() -> None:
    slow = Slow()
    async with staged(slow) as stage, stage.caller() as caller:
        await caller.send(request(b"GET", b"/a"))
        await eventually(lambda: len(stage.origin.requests) == 1)
        began = asyncio.get_running_loop().time()
        swept(stage, 1000, since=began)
        slow.answer.set()
        assert (await caller.reply()).raw == OK
        await eventually(lambda: len(stage.lines()) == 1)
        swept(stage, 1070, since=began)  # the idle time begins where the request ended, not where the connection did
        await caller.send(request(b"GET", b"/a"))
        assert (await caller.reply()).raw == OK


async def test_a_head_is_refused_once_it_is_larger_than_all_its_parts_may_be() -> None:
    """Each field is small enough, and they are few enough; together they would cost megabytes."""
    field = b"X-A: " + b"a" * 30_000 + b"\r\n"
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await caller.send(b"GET /a HTTP/1.1\r\nHost: localhost\r\n")
        for _ in range(6):
            await caller.send(field)
        heard = await caller.rest()
        assert (heard.status, heard.status_lines) == (431, 1)
        assert stage.origin.connections == 0


async def test_an_upload_earns_its_idle_connection_no_408() -> None:
    """Neither a body in a read of its own, nor what reading goes on with, nor an empty line behind it."""
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        for size, behind in ((1000, b""), (300_000, b""), (5, b"\r\n")):
            await caller.send(request(b"POST", b"/a", b"Content-Length: %d" % size))
            await asyncio.sleep(0.01)
            await caller.send(b"x" * size)
            assert (await caller.reply()).status == 200
            await caller.send(behind)
            await asyncio.sleep(0.01)
            swept(stage, 0)
            swept(stage, 60)
        await caller.send(request(b"GET", b"/a"))
        assert (await caller.reply()).raw == OK
        assert {line.status for line in await stage.over(4)} == {200}


async def test_a_head_that_grows_too_large_behind_a_request_is_refused_in_its_turn() -> None:
    slow = Slow()
    async with staged(slow) as stage, stage.caller() as caller:
        await caller.send(request(b"GET", b"/1"))
        await eventually(lambda: len(stage.origin.requests) == 1)
        await caller.send(b"GET /2 HTTP/1.1\r\nHost: localhost\r\n")
        for number in range(10):
            await caller.send(b"X-%d: " % number + b"a" * 30_000 + b"\r\n")
            await asyncio.sleep(0.005)
        slow.answer.set()
        heard = await caller.rest()
        assert heard.raw.startswith(OK)
        assert (heard.status_lines, b"HTTP/1.1 431" in heard.raw) == (2, True)
        assert sorted(line.status for line in await stage.over(2)) == [200, 431]


async def test_what_is_pipelined_is_not_read_beyond_two_requests_that_wait() -> None:
    async with staged(silent) as stage, stage.caller() as caller:
        await caller.send(request(b"GET", b"/1"))
        await eventually(lambda: len(stage.origin.requests) == 1)
        for _ in range(200):
            caller.writer.write(request(b"GET", b"/2", b"X-A: " + b"a" * 30_000))
        await asyncio.sleep(0.3)
        assert caller.writer.transport.get_write_buffer_size() > 1 << 20, "6 MB were sent"
        (connection,) = stage.server.connections
        assert len(connection._queue) <= 2  # noqa: SLF001  # what waits, parsed
        caller.leave()  # with an orderly end it would wait until all is read


async def test_what_is_pipelined_behind_a_body_that_came_by_itself_is_all_answered() -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await caller.send(request(b"POST", b"/up", b"Content-Length: 4"))
        await asyncio.sleep(0.05)
        await caller.send(b"abcd")
        assert (await caller.reply()).raw == OK
        await caller.send(b"".join(request(b"GET", b"/%d" % number) for number in range(6)))
        for _ in range(6):
            assert (await caller.reply()).raw == OK


async def test_a_connection_in_use_between_two_looks_is_not_idle() -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(0.05)
        for _ in range(2):
            await caller.send(request(b"GET", b"/a"))
            assert (await caller.reply()).raw == OK
        await eventually(lambda: stage.gateway.traffic.in_flight == 0)
        swept(stage, 75.02, since=began)
        await caller.send(request(b"GET", b"/a"))
        assert (await caller.reply()).raw == OK


async def test_a_body_is_no_head() -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await caller.send(request(b"POST", b"/a", b"Content-Length: 400000"))
        for _ in range(4):
            await caller.send(b"x" * 100_000)
        assert (await caller.reply()).raw == OK


async def test_the_limits_are_those_that_were_asked_for() -> None:
    plan = Plan(callers=CallerLimits(max_target=100, max_field=100, max_fields=200))
    async with staged(replying(OK), plan) as stage:
        assert (await stage.ask(request(b"GET", b"/" + b"a" * 99))).raw == OK
        assert (await stage.hear(request(b"GET", b"/" + b"a" * 102))).status == 414
        assert (await stage.ask(request(b"GET", b"/", b"X-A: " + b"a" * 100))).raw == OK
        assert (await stage.hear(request(b"GET", b"/", b"X-A: " + b"a" * 101))).status == 431
        assert (await stage.ask(request(b"GET", b"/", *[b"X-A: " + b"a" * 80] * 2))).raw == OK
        assert (
            await stage.hear(request(b"GET", b"/", b"Connection: close", *[b"X-A: " + b"a" * 80] * 3))
        ).status == 431


@pytest.mark.parametrize("last", [b"Connection: close", b""])
async def test_a_reply_whose_end_nobody_takes_does_not_keep_its_connection(last: bytes) -> None:
    """The handler is done: what is left lies in the connection's own buffer."""
    body = b"x" * 60_000

    async def handler(asked: CallerRequest) -> None:
        asked.answer(Answer(status=200, body=body))

    server = CallerServer(handler)
    async with slowly_read(server) as slow:
        await asyncio.get_running_loop().sock_sendall(slow, request(b"GET", b"/a", *filter(None, [last])))
        await eventually(
            lambda: any(one.transport and one.transport.get_write_buffer_size() for one in server.connections)
        )
        (connection,) = server.connections
        transport = connection.transport
        assert transport is not None
        await eventually(lambda: connection.serving is None or transport.is_closing())
        now = asyncio.get_running_loop().time()
        server.sweep(now)
        server.sweep(now + 59)
        assert server.connections == {connection}
        server.sweep(now + 61)
        await eventually(lambda: not server.connections)


ENDS: list[End] = [
    lambda one: one.end(),
    lambda one: one.close_unless_owing(),
    lambda one: one.eof_received() or (one.transport and one.transport.close()),
    lambda one: one.close_if_idle(),
]


@pytest.mark.parametrize("end", ENDS)
async def test_a_reply_that_waits_for_the_end_of_the_turn_is_written_before_its_connection_ends(
    end: End,
) -> None:
    async def handler(asked: CallerRequest) -> None:
        loop.call_soon(end, *server.connections)  # before the end of the turn, which the loop is told of then
        asked.reply(200, b"OK", ((b"Content-Length", b"2"),), b"ok")

    loop = asyncio.get_running_loop()
    server = CallerServer(handler)
    server.turn = Turn(loop, lambda: False)
    async with on_port(server) as port, calling(port) as caller:
        await caller.send(request(b"GET", b"/a"))
        assert (await caller.reply()).body == b"ok"
        assert (await caller.rest()).raw == b""


async def test_behind_a_reply_that_waits_for_the_end_of_the_turn_another_keeps_its_place() -> None:
    """The first is short and waits; what is written in the same turn must not overtake it."""
    bodies = (b"a" * 10, b"b" * 40_000, b"c" * 10, b"d" * 100_000)

    async def handler(asked: CallerRequest) -> None:
        for body in bodies:
            asked.reply(200, b"OK", ((b"Content-Length", b"%d" % len(body)),), body)

    server = CallerServer(handler)
    server.turn = Turn(asyncio.get_running_loop(), lambda: False)
    async with on_port(server) as port, calling(port) as caller:
        await caller.send(request(b"GET", b"/a"))
        assert tuple([(await caller.reply()).body for _ in bodies]) == bodies
