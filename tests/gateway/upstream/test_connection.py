"""One connection, met through the verb by scripts that do to the byte what no good server does."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

import pytest
from asking import Parts, asking, body_of, read
from origin import OK, Visit, cutting, replying
from stage import PLAIN, eventually

from sidecar import errors
from sidecar.gateway.upstream import connection as module
from sidecar.gateway.upstream.answer import HELD

if TYPE_CHECKING:
    from conftest import Ends

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


# ── interim replies ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_several_interim_replies_are_passed_over_whole_or_in_pieces_and_leave_no_field_behind() -> None:
    async def script(visit: Visit) -> None:
        for _ in range(2):
            await visit.request()
            await visit.send(EARLY + b"HTTP/1.1 100 Continue\r\n\r\n" + EARLY[:20])
            await asyncio.sleep(0.01)
            await visit.send(EARLY[20:])
            await asyncio.sleep(0.01)
            await visit.send(OK)

    async with asking(script) as stage:
        for _ in range(2):
            async with await stage.send() as reply:
                assert (reply.status, reply.reason, reply.fields) == (200, b"OK", ((b"Content-Length", b"2"),))
                assert await read(reply) == b"ok"
        assert stage.origin.connections == 1


async def test_interim_replies_without_end_are_malformed() -> None:
    async with asking(replying(EARLY * 65 + OK)) as stage:
        with pytest.raises(errors.MalformedReply, match="without end"):
            await stage.ask()


# ── replies without a body ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fields", [b"", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"])
async def test_a_reply_to_head_has_no_body_and_its_connection_serves_on(fields: bytes) -> None:
    async with asking(replying(HEAD + fields + b"\r\n", HEAD + fields + b"\r\n", OK)) as stage:
        assert await stage.ask("HEAD") == b""
        assert await stage.ask("HEAD") == b""
        assert await stage.ask() == b"ok"
        assert stage.origin.connections == 1


async def test_a_body_to_head_is_malformed() -> None:
    async with asking(replying(OK)) as stage:
        with pytest.raises(errors.MalformedReply, match="where there is none"):
            await stage.ask("HEAD")


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_a_status_without_a_body_has_none_and_its_connection_serves_on(status: bytes) -> None:
    async with asking(replying(b"HTTP/1.1 " + status + b"\r\n\r\n", OK)) as stage:
        assert await stage.ask() == b""
        assert await stage.ask() == b"ok"
        assert stage.origin.connections == 1


# ── chunks and trailers ─────────────────────────────────────────────────────────────────────────────────────────


async def test_trailers_are_dropped_and_are_no_fields_of_the_next_reply() -> None:
    trailing = CHUNKED + b"2\r\nok\r\n0\r\nX-T: 1\r\nX-U: 2\r\n\r\n"
    async with asking(replying(trailing, OK)) as stage:
        async with await stage.send() as reply:
            assert await read(reply) == b"ok"
            assert reply.fields == ((b"Transfer-Encoding", b"chunked"),)
        async with await stage.send() as reply:
            assert reply.fields == ((b"Content-Length", b"2"),)
        assert stage.origin.connections == 1


@pytest.mark.parametrize("endless", [b"0\r\nX: ", b"2;", b"0\r\n" + b"X: y\r\n" * 600])
async def test_trailers_and_extensions_without_end_end_the_reply(endless: bytes) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(CHUNKED + b"2\r\nok\r\n")
        await asyncio.sleep(0.05)
        await visit.send(endless + b"a" * 600_000)
        await visit.reader.read()

    async with asking(script, idle=5.0) as stage, await stage.send() as reply, asyncio.timeout(2):
        with pytest.raises(errors.MalformedReply, match="larger than we read"):
            await read(reply)


# ── heads that are too large ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"X: " + b"x" * 70_000 + b"\r\n",
        HEAD + b"x" * 70_000 + b": x\r\n",
        HEAD + b"X: y\r\n" * 513,
        b"HTTP/1.1 200 " + b"x" * 70_000 + b"\r\n",
    ],
)
@pytest.mark.parametrize("end", [b"\r\n", b""])
async def test_a_head_beyond_the_bounds_is_malformed_before_it_ends(head: bytes, end: bytes) -> None:
    async with asking(replying(head[:-2] + b"x" * 600_000 if not end else head + end), response=5.0) as stage:
        async with asyncio.timeout(2):
            with pytest.raises(errors.MalformedReply, match="larger than we read"):
                await stage.ask()


async def test_large_fields_of_a_reply_pass() -> None:
    raw = HEAD + b"X-A: " + b"a" * 60_000 + b"\r\n" + b"X-B: b\r\n" * 500 + b"Content-Length: 2\r\n\r\nok"
    async with asking(replying(raw)) as stage:
        assert await stage.ask() == b"ok"


# ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("body", [b"", b"part"])
@pytest.mark.parametrize("secure", [False, True])
async def test_a_body_that_the_end_delimits_is_whole_when_the_end_was_meant(
    body: bytes,
    secure: bool,  # noqa: FBT001  # a column of the table
    ends: Ends,
) -> None:
    tls = ends.clients[0] if secure else PLAIN
    async with asking(cutting(HEAD + b"\r\n" + body), tls=lambda: tls, server=ends.server if secure else None) as stage:
        assert await stage.ask() == body
        assert await stage.ask() == body
        assert stage.origin.connections == 2


async def test_a_body_that_the_end_delimits_is_cut_by_a_reset_and_under_tls_by_an_end_without_a_goodbye(
    ends: Ends,
) -> None:
    async def resetting(visit: Visit) -> None:
        await visit.request()
        await visit.send(HEAD + b"\r\npart")
        await asyncio.sleep(0.05)
        visit.reset()

    async def breaking(visit: Visit) -> None:
        await visit.request()
        await visit.send(HEAD + b"\r\npart")
        await asyncio.sleep(0.05)
        visit.writer.transport.abort()

    for script, tls, server in ((resetting, PLAIN, None), (breaking, ends.clients[0], ends.server)):
        async with asking(script, tls=lambda: tls, server=server) as stage, await stage.send() as reply:  # noqa: B023  # used at once
            with pytest.raises(errors.ConnectionTerminated):
                await read(reply)


async def test_a_connection_that_finhub_ended_at_rest_is_not_used_whatever_the_method(ends: Ends) -> None:
    for tls, server in ((PLAIN, None), (ends.clients[0], ends.server)):
        async with asking(cutting(OK), tls=lambda: tls, server=server) as stage:  # noqa: B023  # used at once
            await stage.ask()
            await eventually(lambda: stage.origin.open == 0)  # used at once
            await asyncio.sleep(0.01)
            assert await stage.ask("POST", body=body_of(b"payment")) == b"ok"
            assert (len(stage.origin.requests), stage.sendings) == (2, [])


async def test_a_dead_pooled_connection_under_tls_is_told_as_one_without_tls_is(ends: Ends) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        if visit.number == 1:
            await visit.send(OK)
            await visit.request()
            visit.reset()
        else:
            await visit.send(OK)

    async with asking(script, tls=lambda: ends.clients[0], server=ends.server) as stage:
        await stage.ask()
        assert await stage.ask("GET", "/b") == b"ok"
        assert stage.sendings == ["dead connection"]


# ── back-pressure ───────────────────────────────────────────────────────────────────────────────────────────────

LARGE = 4 << 20


@pytest.mark.parametrize("secure", [False, True])
async def test_a_reply_that_is_not_taken_is_not_read_on_and_comes_whole_when_it_is(
    secure: bool,  # noqa: FBT001  # a column of the table
    ends: Ends,
) -> None:
    written = 0

    async def script(visit: Visit) -> None:
        nonlocal written
        await visit.request()
        visit.writer.write(HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % LARGE)
        for _ in range(LARGE // 65536):
            visit.writer.write(bytes(65536))
            await visit.writer.drain()
            written += 65536

    tls = ends.clients[0] if secure else PLAIN
    async with (
        asking(script, tls=lambda: tls, server=ends.server if secure else None) as stage,
        await stage.send() as reply,
    ):
        await asyncio.sleep(0.2)
        assert reply._answer.held <= 3 * HELD  # noqa: SLF001  # how much is held is not to be seen from outside
        size = 0
        async for chunk in reply.chunks():
            size += len(chunk)
        assert (size, written) == (LARGE, LARGE)


async def test_a_reply_whose_end_came_meanwhile_is_whole_for_a_caller_that_takes_it_late(ends: Ends) -> None:
    """Uvloop's TLS forgets what it holds for a reader that stopped, when the end of the connection comes."""
    size = HELD + 200_000

    async def script(visit: Visit) -> None:
        await visit.request()
        visit.writer.transport.set_write_buffer_limits(0)
        await visit.send(HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        with socket.socket(fileno=os.dup(visit.writer.get_extra_info("socket").fileno())) as plain:
            plain.shutdown(socket.SHUT_WR)
        await visit.reader.read()

    async with (
        asking(script, tls=lambda: ends.clients[0], server=ends.server) as stage,
        await stage.send() as reply,
    ):
        await asyncio.sleep(0.2)
        assert len(await read(reply)) == size


# ── a request that cannot be written ────────────────────────────────────────────────────────────────────────────


async def test_a_connection_that_is_lost_before_the_request_is_an_unanswered_one() -> None:
    async with asking(replying(OK)) as stage:
        await stage.ask()
        one = stage.upstream._pool._idle[-1]  # noqa: SLF001  # lost between the pool and the request
        one.connection_lost(ConnectionResetError())
        answer = one.ask(b"GET / HTTP/1.1\r\n\r\n", bodiless=False, whole=True)
        assert isinstance(answer.failure, module.Unanswered)
        assert not await one.write(b"x")
        one.data_received(b"late")
        one.abort()
        one.close()
        assert not one.usable


async def test_a_second_half_of_a_body_is_written_when_finhub_keeps_up_again() -> None:
    async def script(visit: Visit) -> None:
        asked = await visit.head()
        visit.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport of sockets has it
        await asyncio.sleep(0.2)
        visit.writer.transport.resume_reading()  # type: ignore[attr-defined]  # as above
        await visit.body(asked)
        await visit.send(OK)

    source = Parts([bytes(1 << 20)] * 16)
    async with asking(script) as stage:
        waiting = asyncio.create_task(stage.ask("POST", "/a", body_of(length=16 << 20, source=source, remembered=1)))
        await asyncio.sleep(0.1)
        assert source.parts, "what FinHub does not take is not read from the caller"
        assert await waiting == b"ok"
        assert len(stage.origin.bodies[0]) == 16 << 20


async def test_of_the_requests_of_one_turn_those_that_are_given_up_before_its_end_are_not_sent() -> None:
    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            await gate.wait()
            await visit.send(OK)

    gate = asyncio.Event()
    async with asking(script) as stage:
        three = [asyncio.create_task(stage.ask("GET", f"/{number}")) for number in range(3)]
        await eventually(lambda: stage.origin.connections == 3)
        gate.set()
        await asyncio.gather(*three)
        pool = stage.upstream._pool  # noqa: SLF001  # what a gateway does in one turn
        ones = [pool.take(PLAIN) for _ in range(3)]
        answers = [
            one.ask(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number, bodiless=False, whole=True)
            for number, one in enumerate(filter(None, ones), start=3)
        ]
        assert ones[1] is not None
        ones[1].abort()
        await eventually(lambda: answers[0].ended and answers[2].ended and answers[1].failure is not None)
        assert sorted(asked.target for asked in stage.origin.requests) == [b"/0", b"/1", b"/2", b"/3", b"/5"]
