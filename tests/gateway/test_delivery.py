from __future__ import annotations

import asyncio
import contextlib

import pytest
from origin import OK, Visit, cutting, replying
from rawcaller import request
from stage import Plan, eventually, staged

from sidecar.gateway import slots

GET = request(b"GET", b"/a")


# ── a reply that does not end ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "begun",
    [
        b"Content-Length: 10\r\n\r\nhalf",
        b"Content-Length: 10\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n9\r\nhalf",
    ],
)
@pytest.mark.parametrize("orderly", [True, False])
async def test_trap_c_a_reply_cut_in_its_body_reaches_the_caller_as_a_cut_reply(begun: bytes, *, orderly: bool) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\n" + begun)
        if not orderly:
            visit.reset()

    async with staged(script) as stage:
        heard = await stage.hear(GET)
        assert heard.reset
        assert heard.status_lines == 1
        assert heard.body in {b"", b"half", b"4\r\nhalf\r\n"}
        assert b"0\r\n" not in heard.body
        (line,) = await stage.over()
        assert (line.status, line.source, line.outcome) == (200, "upstream", "aborted")
        assert line.reason == "connection_terminated"
        assert stage.upstream.busy == 0
        assert stage.bugs() == []


async def test_a_reply_that_pauses_too_long_is_cut() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await visit.reader.read()

    async with staged(script, Plan(idle=0.1)) as stage:
        heard = await stage.hear(GET)
        assert heard.reset
        assert (heard.status_lines, heard.body) == (1, b"half")
        (line,) = await stage.over()
        assert (line.outcome, line.reason) == ("aborted", "connection_read_timeout")


async def test_a_cut_reply_without_a_length_is_a_reset_for_an_old_caller_that_could_not_tell_otherwise() -> None:
    async with staged(cutting(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")) as stage:
        heard = await stage.hear(request(b"GET", b"/a", version=b"1.0"))
        assert heard.raw == b"HTTP/1.0 200 OK\r\n\r\nhalf"
        assert heard.reset


async def test_after_a_cut_reply_the_callers_next_request_is_not_answered_on_that_connection() -> None:
    async with staged(cutting(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")) as stage:
        heard = await stage.hear(GET + GET)
        assert heard.status_lines == 1
        assert len(stage.origin.requests) == 1


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_a_reply_cut_by_the_end_of_the_process_is_cut_for_the_caller_too(version: bytes) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        await visit.reader.read()

    async with staged(script) as stage, stage.caller() as caller:
        await caller.send(request(b"GET", b"/a", version=version))
        await caller.reader.readuntil(b"half")
        await stage.stop()
        heard = await caller.rest()
        assert heard.reset
        assert heard.raw in {b"", b"\r\n"}
        (line,) = await stage.over()
        assert (line.outcome, line.status) == ("aborted", 200)
        assert stage.upstream.busy == 0


async def test_a_caller_that_leaves_in_the_reply_ends_it_at_finhub_too() -> None:
    async def endless(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await visit.send(b"1000\r\n" + bytes(4096) + b"\r\n")

    async with staged(endless) as stage:
        async with stage.caller() as caller:
            await caller.send(GET)
            await caller.head()
            caller.leave()
        (line,) = await stage.over()
        assert (line.outcome, line.status, line.source) == ("caller_left", 200, "upstream")
        await eventually(lambda: stage.origin.open == 0)
        assert stage.upstream.busy == 0


# ── replies without a body, and old callers ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "raw"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 77\r\nETag: x\r\n\r\n"),
        (b"HEAD", b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\nContent-Type: text/x\r\n\r\n"),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n"),
        (b"DELETE", b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n"),
    ],
)
async def test_a_reply_without_a_body_passes_as_it_is_and_the_connection_goes_on(method: bytes, raw: bytes) -> None:
    async with staged(replying(raw, OK)) as stage, stage.caller() as caller:
        await caller.send(request(method, b"/a"))
        assert (await caller.reply(bodiless=True)).raw == raw
        await caller.send(GET)
        assert (await caller.reply()).raw == OK
        assert stage.origin.connections == 1


async def test_an_old_caller_gets_a_reply_of_its_own_version_and_a_closed_connection() -> None:
    async with staged(replying(OK)) as stage:
        heard = await stage.hear(request(b"GET", b"/a", version=b"1.0"))
        assert heard.raw == b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"
        assert not heard.reset
        assert stage.origin.requests[0].line == b"GET /a HTTP/1.1"


async def test_an_old_caller_gets_a_chunked_reply_without_chunks() -> None:
    async with staged(replying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")) as stage:
        heard = await stage.hear(request(b"GET", b"/a", version=b"1.0"))
        assert heard.raw == b"HTTP/1.0 200 OK\r\n\r\nok"
        assert not heard.reset


async def test_a_reply_that_ends_with_its_connection_is_whole_and_chunked_for_the_caller() -> None:
    async with staged(cutting(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it")) as stage:
        heard = await stage.ask(GET)
        assert heard.raw == b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nall of it\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("reason", "told"), [(b"Very  Good", b"Very  Good"), (b"", b""), (b"caf\xe9", b""), (b"tab\tbed", b"")]
)
async def test_a_reason_phrase_passes_or_is_left_out_but_is_never_altered(reason: bytes, told: bytes) -> None:
    async with staged(replying(OK.replace(b"OK", reason, 1))) as stage:
        assert (await stage.ask(GET)).raw.partition(b"\r\n")[0] == b"HTTP/1.1 200 " + told


# ── replies of our own ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_refusal_names_no_server_and_keeps_a_usable_connection() -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await caller.send(request(b"GET", b"/a/../b"))
        heard = await caller.reply()
        assert heard.status == 400
        assert heard.get(b"Server") == []
        assert b"aiohttp" not in heard.raw
        await caller.send(GET)
        assert (await caller.reply()).raw == OK
        lines = await stage.over(2)
        assert lines[0].sent == len(heard.body)


async def test_a_refusal_to_a_head_has_no_body() -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await caller.send(request(b"HEAD", b"/a/../b"))
        heard = await caller.reply(bodiless=True)
        assert heard.status == 400
        assert heard.get(b"Proxy-Status") == [b"finhub-sidecar; error=http_request_error"]
        await caller.send(GET)
        assert (await caller.reply()).raw == OK


# ── a caller that does not take its reply ───────────────────────────────────────────────────────────────────────

LARGE = 20_000_000  # more than the buffers of two sockets and of what is between them


async def large(visit: Visit) -> None:
    """Answer `/large` with more than a caller that does not read can hold, anything else with a word."""
    while True:
        asked = await visit.request()
        if asked.target != b"/large":
            await visit.send(OK)
            continue
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE)
        for _ in range(LARGE // 100_000):
            await visit.send(b"x" * 100_000)


async def test_a_reply_that_is_not_taken_is_cut_and_gives_its_connection_back() -> None:
    async with staged(large, Plan(write_timeout=0.1)) as stage, stage.caller() as caller:
        await caller.send(request(b"GET", b"/large"))
        (line,) = await stage.over()
        assert (line.status, line.outcome) == (200, "caller_stalled")
        assert 0 < line.sent < LARGE
        assert stage.upstream.busy == 0
        heard = await caller.rest()
        assert heard.reset
        assert len(heard.body) < LARGE


async def test_a_reply_that_is_taken_at_a_crawl_is_cut_by_its_average_rate() -> None:
    plan = Plan(write_timeout=0.3, min_rate=1 << 30)
    async with staged(large, plan) as stage, stage.caller() as caller:
        await caller.send(request(b"GET", b"/large"))
        while not stage.lines():
            await caller.reader.read(20_000)
            await asyncio.sleep(0.002)
        assert stage.lines()[0].outcome == "caller_stalled"


async def test_a_caller_that_pauses_and_goes_on_gets_all_of_its_reply() -> None:
    async with staged(large) as stage, stage.caller() as caller:
        await caller.send(request(b"GET", b"/large"))
        await caller.reader.readexactly(1000)
        await asyncio.sleep(0.3)
        taken = 1000 + len(await caller.reader.readexactly(LARGE - 1000))
        (line,) = await stage.over()
        assert (line.outcome, line.sent) == ("complete", LARGE)
        assert taken == LARGE


async def test_replies_that_nobody_takes_give_way_to_requests_that_wait_for_a_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slots, "_HELD_UP", 0.1)
    monkeypatch.setattr(slots, "_LOOK", 0.05)
    async with (
        staged(large, Plan(connections=2, wait=5.0)) as stage,
        stage.caller() as first,
        stage.caller() as second,
        stage.caller() as third,
    ):
        await first.send(request(b"GET", b"/large"))
        await eventually(lambda: stage.upstream.busy == 1)
        await second.send(request(b"GET", b"/large"))
        await eventually(lambda: stage.upstream.busy == 2)
        await third.send(GET)
        assert (await third.reply()).raw == OK
        gone = await stage.over(2)
        assert [(line.path, line.outcome) for line in gone] == [("/large", "caller_stalled"), ("/a", "complete")]
        assert stage.upstream.busy == 1, "one waits, one gives way: the other one is left alone"
        await eventually(lambda: stage.upstream._slots._next_look is None)  # noqa: SLF001  # nobody waits: no more looks


async def test_a_reply_that_is_taken_slowly_and_steadily_does_not_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "_HELD_UP", 0.5)
    monkeypatch.setattr(slots, "_LOOK", 0.05)
    async with staged(large, Plan(connections=1, wait=1.0)) as stage, stage.caller() as first, stage.caller() as second:
        await first.send(request(b"GET", b"/large"))
        await eventually(lambda: stage.upstream.busy == 1)
        await second.send(GET)
        while not stage.lines():  # until the second one has waited in vain
            await first.reader.read(20_000)
            await asyncio.sleep(0.003)
        assert (await second.reply()).status == 503
        (line,) = stage.lines()
        assert line.path == "/a"


async def test_a_reply_that_nobody_takes_is_left_alone_while_there_are_connections_for_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slots, "_HELD_UP", 0.0)
    monkeypatch.setattr(slots, "_LOOK", 0.01)
    async with staged(large, Plan(connections=2)) as stage, stage.caller() as first:
        await first.send(request(b"GET", b"/large"))
        await eventually(lambda: stage.upstream.busy == 1)
        for _ in range(10):
            assert (await stage.ask(GET)).raw == OK
        assert stage.upstream.busy == 1


async def test_a_refusal_that_is_not_taken_ends_its_connection() -> None:
    """Pipelined refusals fill the connection's buffer: the writing of the last one waits, and is bounded."""
    async with staged(replying(OK), Plan(write_timeout=0.2)) as stage, stage.caller() as caller:
        refused = request(b"GET", b"/a", b"Origin: http://elsewhere.example")

        async def ask_on() -> None:
            while not any(line.outcome == "caller_stalled" for line in stage.lines()):
                await caller.send(refused * 50)
                await asyncio.sleep(0)

        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionError):
                await ask_on()
        await eventually(lambda: any(line.outcome == "caller_stalled" for line in stage.lines()))
        assert stage.origin.requests == []
