"""Questions that need not wait: asked without a task, and answered in every respect as all others are."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import socket
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from faketokens import FakeTokens
from origin import OK, REFUSED, Visit, dying_when_reused, replying
from rawcaller import request
from stage import Plan, Stage, eventually, staged

from sidecar.config.finhub_side import FieldRule
from sidecar.gateway import at_once
from sidecar.gateway.relocation import Relocation
from sidecar.redact import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawcaller import Caller

GET = request(b"GET", b"/a", b"Accept: x/y")


@dataclass(slots=True)
class Counted:
    """How many requests were asked at once."""

    asked: int = 0


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    counts, ask = Counted(), at_once.ask

    def watched(*args: object) -> object:
        trip = ask(*args)  # type: ignore[arg-type]  # as they came
        counts.asked += trip is not None
        return trip

    monkeypatch.setattr(at_once, "ask", watched)
    return counts


async def warmed(stage: Stage, caller: Caller, data: bytes = GET) -> None:
    """Let the request be known, and a connection to FinHub be at rest."""
    await caller.send(data)
    assert (await caller.reply()).status == 200
    await eventually(lambda: stage.gateway.traffic.in_flight == 0)


# ── the ordinary case ───────────────────────────────────────────────────────────────────────────────────────────


async def test_the_second_request_with_the_same_fields_is_asked_at_once_and_differs_in_its_id_alone(
    counted: Counted,
) -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        await caller.send(GET.replace(b"/a", b"/b?c=%2F", 1))
        assert (await caller.reply()).raw == OK
        first, second = stage.origin.requests
        lines = await stage.over(2)
        assert second.line == b"GET /b?c=%2F HTTP/1.1"
        assert [value for name, value in second.fields if name == b"X-Request-ID"] == [lines[1].request_id.encode()]
        same = [pair for pair in second.fields if pair[0] != b"X-Request-ID"]
        assert same == [pair for pair in first.fields if pair[0] != b"X-Request-ID"]
        assert stage.origin.connections == 1
        assert stage.upstream.busy == 0
    assert counted.asked == 1


async def test_events_go_to_the_caller_one_by_one(counted: Counted) -> None:
    seen = asyncio.Semaphore(0)

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for number in range(5):
            await seen.acquire()
            await visit.send(b"data: %d\n\n" % number)

    async with staged(script) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        await caller.send(GET)
        await caller.head()
        for number in range(5):  # each is seen before the next is sent
            seen.release()
            async with asyncio.timeout(10):
                assert (await caller.reader.readuntil(b"\n\n")).endswith(b"data: %d\n\n" % number)
        assert await caller.reader.readuntil(b"0\r\n\r\n") == b"\r\n0\r\n\r\n"
    assert counted.asked == 1


async def test_finhubs_address_in_its_reply_becomes_the_listeners_too(counted: Counted) -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: https://api.finhub.cloud/b\r\nContent-Length: 0\r\n\r\n"
    plan = Plan(relocation=Relocation.build("https://api.finhub.cloud"))
    async with staged(replying(OK, moved), plan) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        await caller.send(GET)
        assert (await caller.reply()).raw == moved.replace(b"https://api.finhub.cloud", b"http://localhost")
    assert counted.asked == 1


async def test_it_is_told_of_as_any_other_request(counted: Counted) -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        await caller.send(GET)
        await caller.reply()
        one, other = await stage.over(2)
        for name in ("method", "path", "status", "upstream_status", "source", "reason", "rule", "replay", "attempts"):
            assert getattr(one, name) == getattr(other, name)
        assert (other.received, other.sent, other.outcome) == (0, 2, "complete")
        assert other.duration > other.upstream_duration > 0
        assert one.request_id != other.request_id
        assert stage.gateway.traffic.total == 2
        assert stage.tokens.counts == {"rejected": 0, "struck": 0, "accepted": 2}
    assert counted.asked == 1


async def test_another_caller_profits_of_what_the_first_one_sent(counted: Counted) -> None:
    async with staged(replying(OK)) as stage:
        async with stage.caller() as caller:
            await warmed(stage, caller)
        assert (await stage.ask(GET)).raw == OK
    assert counted.asked == 1


@pytest.mark.parametrize(
    ("method", "raw"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n"),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n"),
        (b"OPTIONS", b"HTTP/1.1 204 No Content\r\nAllow: GET\r\n\r\n"),
    ],
)
async def test_replies_without_a_body_pass_as_they_are(method: bytes, raw: bytes, counted: Counted) -> None:
    async with staged(replying(raw, raw, OK)) as stage, stage.caller() as caller:
        for number in (1, 2):
            await caller.send(GET.replace(b"GET", method, 1))
            assert (await caller.reply(bodiless=True)).raw == raw
            await stage.over(number)
        await caller.send(GET)
        assert (await caller.reply()).raw == OK
    assert counted.asked == 1 + (method == b"GET")


async def test_a_connection_that_the_caller_ends_with_its_request_ends_with_the_reply(counted: Counted) -> None:
    last = request(b"GET", b"/a", b"Connection: close")
    async with staged(replying(OK)) as stage:
        for _ in range(2):
            heard = await stage.hear(last)
            assert heard.raw == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    assert counted.asked == 1


async def test_every_target_that_is_recalled_is_one_that_the_parser_takes(counted: Counted) -> None:
    visible = "".join(sorted(set(string.printable) - set(string.whitespace) - {"#"}))
    async with staged(replying(OK), Plan(allow=("* /**",))) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        statuses = []
        for fresh in (False, True):
            for char in visible:
                data = GET.replace(b"/a", b"/a?" + char.encode(), 1)
                if fresh:  # these fields are parsed
                    data = data.replace(b"x/y", b"x/" + char.encode().hex().encode(), 1)
                await caller.send(data)
                statuses.append((await caller.reply()).status)
        assert statuses == [200] * 2 * len(visible)
        assert [asked.target for asked in stage.origin.requests[1:]] == [b"/a?" + c.encode() for c in visible] * 2
    assert counted.asked == len(visible)


# ── what is held to the same rules ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("target", "status"), [(b"/a/../b", 400), (b"/%2e%2e/", 400), (b"/denied", 403), (b"/a", 200), (b"/a%00", 400)]
)
async def test_the_target_is_looked_at_each_time(target: bytes, status: int) -> None:
    async with staged(replying(OK), Plan(allow=("GET /a", "GET /a/**"))) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        await caller.send(GET.replace(b"/a", target, 1))
        assert (await caller.reply()).status == status
        assert len(stage.origin.requests) == 1 + (status == 200)


async def test_a_method_named_in_a_field_is_looked_at_each_time(counted: Counted) -> None:
    asks = request(b"GET", b"/a", b"X-HTTP-Method-Override: DELETE")
    async with staged(replying(OK), Plan(allow=("* /a", "GET /b"))) as stage, stage.caller() as caller:
        await warmed(stage, caller, asks)
        await caller.send(asks.replace(b"/a", b"/b", 1))
        assert (await caller.reply()).status == 403
    assert counted.asked == 0


async def test_a_key_is_compared_each_time(counted: Counted) -> None:
    keyed = request(b"GET", b"/a", b"X-Sidecar-Key: k3y-k3y-k3y")
    plan = Plan(caller_key=Secret("k3y-k3y-k3y"))
    async with staged(replying(OK), plan) as stage, stage.caller() as caller:
        await warmed(stage, caller, keyed)
        await caller.send(keyed)
        assert (await caller.reply()).status == 200
        await caller.send(keyed.replace(b"k3y\r", b"kex\r"))
        assert (await caller.reply()).status == 403
    assert counted.asked == 0


async def test_another_policy_and_another_token_hold_from_the_next_request_on(counted: Counted) -> None:
    tokens = FakeTokens()
    async with staged(replying(OK), Plan(tokens=tokens)) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        tokens.rejected.append(tokens.issued[-1])
        await caller.send(GET)
        await caller.reply()
        assert [asked.get(b"Authorization") for asked in stage.origin.requests] == [
            [b"Bearer fresh-token-1"],
            [b"Bearer fresh-token-2"],
        ]
        await caller.send(GET)
        await caller.reply()
        assert counted.asked == 1
        stage.gateway.policy = Plan(allow=("GET /b",)).policy()
        await caller.send(GET)
        assert (await caller.reply()).status == 403


async def test_the_address_of_one_caller_is_not_told_for_another(counted: Counted) -> None:
    rules = {"X-Forwarded-For": FieldRule(value="{caller.ip}", when="append")}
    async with staged(replying(OK), Plan(rules=rules)) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        with socket.socket() as other:
            other.bind(("127.0.0.2", 0))
            other.setblocking(False)  # noqa: FBT003  # the standard library's signature
            loop = asyncio.get_running_loop()
            await loop.sock_connect(other, ("127.0.0.1", stage.port))
            await loop.sock_sendall(other, GET)
            assert (await loop.sock_recv(other, 1000)).startswith(b"HTTP/1.1 200")
        assert [asked.get(b"X-Forwarded-For") for asked in stage.origin.requests] == [[b"127.0.0.1"], [b"127.0.0.2"]]
    assert counted.asked == 0


async def test_while_requests_are_barred_none_is_asked_at_once(counted: Counted) -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        stage.gateway.traffic.bar("the audit trail cannot be written")
        await caller.send(GET)
        assert (await caller.reply()).status == 503
        assert (counted.asked, len(stage.origin.requests)) == (0, 1)
        stage.gateway.traffic.bar("")
        await caller.send(GET)
        assert (await caller.reply()).status == 200
    assert counted.asked == 1


async def test_it_is_told_who_asked_and_with_whose_token(counted: Counted) -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        stage.gateway.lane = dataclasses.replace(stage.gateway.lane, tenant="1234567")
        await warmed(stage, caller)
        await caller.send(GET)
        assert (await caller.reply()).status == 200
        first, second = await stage.over(2)
        assert second.fingerprint == (await stage.tokens.token()).fingerprint
        assert second.tenant == "1234567"
        for name in ("tenant", "fingerprint", "peer", "uid"):
            assert getattr(first, name) == getattr(second, name)
    assert counted.asked == 1


async def test_no_more_are_on_their_way_than_may_be() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        await visit.request()
        await asyncio.Event().wait()

    async with staged(script, Plan(max_requests=1)) as stage, stage.caller() as caller, stage.caller() as other:
        await warmed(stage, caller)
        await caller.send(GET)
        await eventually(lambda: stage.gateway.traffic.in_flight == 1)
        await other.send(GET)
        assert (await other.reply()).status == 429


async def test_where_all_connections_are_in_use_it_waits_its_turn(counted: Counted) -> None:
    go = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        while True:
            await visit.request()
            await go.wait()
            await visit.send(OK)

    async with staged(script, Plan(connections=1)) as stage, stage.caller() as caller, stage.caller() as other:
        await warmed(stage, caller)
        for one in (caller, other):
            await one.send(GET)
            await asyncio.sleep(0.01)
        assert (stage.upstream.busy, len(stage.origin.requests)) == (1, 2)
        go.set()
        assert [(await one.reply()).raw for one in (caller, other)] == [OK, OK]
        assert stage.origin.connections == 1
    assert counted.asked == 1


# ── what turns out otherwise ────────────────────────────────────────────────────────────────────────────────────


async def test_a_401_brings_another_token_and_the_request_is_replayed(counted: Counted) -> None:
    async with staged(replying(OK, REFUSED, OK)) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        await caller.send(GET)
        assert (await caller.reply()).raw == OK
        (_, line) = await stage.over(2)
        assert (line.status, line.attempts, line.replay) == (200, 2, "token refused")
        sent = [(asked.get(b"Authorization"), asked.get(b"X-Request-ID")) for asked in stage.origin.requests]
        assert [value for value, _ in sent] == [[b"Bearer fresh-token-%d" % number] for number in (1, 1, 2)]
        assert sent[1][1] == sent[2][1] == [line.request_id.encode()]
        assert stage.tokens.counts["rejected"] == 1
        assert stage.upstream.busy == 0
    assert counted.asked == 1


async def test_a_dead_connection_is_told_and_the_question_asked_once_more(counted: Counted) -> None:
    async with staged(dying_when_reused(OK)) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        await caller.send(GET)
        assert (await caller.reply()).raw == OK
        (_, line) = await stage.over(2)
        assert (line.attempts, line.replay) == (2, "dead connection")
        assert [asked.connection for asked in stage.origin.requests] == [1, 1, 2]
        assert stage.upstream.busy == 0
    assert counted.asked == 1


@pytest.mark.parametrize(
    ("raw", "status", "reason"),
    [
        (b"nonsense\r\n\r\n", 502, "http_protocol_error"),
        (b"HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 0\r\n\r\n", 502, "http_protocol_error"),
        (b"HTTP/1.1 200 OK\r\nX-A: caf\xe9\r\nContent-Length: 0\r\n\r\n", 502, "http_protocol_error"),
    ],
)
async def test_a_reply_that_cannot_be_delivered_is_refused(raw: bytes, status: int, reason: str) -> None:
    async with staged(replying(OK, raw)) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        await caller.send(GET)
        assert (await caller.reply()).status == status
        (_, line) = await stage.over(2)
        assert (line.status, line.source, line.reason) == (status, "sidecar", reason)
        assert stage.upstream.busy == 0


async def test_no_reply_in_time_is_told() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        await visit.reader.read()

    async with staged(script, Plan(response=0.1)) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        await caller.send(GET)
        assert (await caller.reply()).status == 504
        (_, line) = await stage.over(2)
        assert line.reason == "connection_read_timeout"
        assert stage.upstream.busy == 0


@pytest.mark.parametrize("size", [32768, 32769, 1_000_000])
async def test_a_longer_reply_arrives_whole(size: int) -> None:
    large = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size
    async with staged(replying(OK, large, OK)) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        await caller.send(GET)
        assert (await caller.reply()).raw == large
        await caller.send(GET)
        assert (await caller.reply()).raw == OK
        assert [line.sent for line in await stage.over(3)] == [2, size, 2]


async def test_a_reply_that_comes_in_parts_passes_as_it_comes() -> None:
    more = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-", b"Length: 8\r\n\r\n", b"half")
        await more.wait()
        await visit.send(b"half")

    async with staged(script) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        await caller.send(GET)
        await caller.reader.readuntil(b"half")
        more.set()
        assert await caller.reader.readexactly(4) == b"half"
        assert [line.outcome for line in await stage.over(2)] == ["complete", "complete"]


async def test_a_reply_that_is_cut_is_cut_for_the_caller() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")

    async with staged(script) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        await caller.send(GET)
        heard = await caller.rest()
        assert (heard.body, heard.reset) == (b"half", True)
        assert (await stage.over(2))[1].outcome == "aborted"
        assert stage.upstream.busy == 0


# ── callers that leave, and the end ─────────────────────────────────────────────────────────────────────────────


async def hanging(visit: Visit) -> None:
    await visit.request()
    await visit.send(OK)
    await visit.request()
    await visit.reader.read()


@pytest.mark.parametrize("way", ["close", "reset"])
async def test_a_caller_that_leaves_ends_its_question_at_finhub(way: str) -> None:
    async with staged(hanging) as stage:
        async with stage.caller() as caller:
            await warmed(stage, caller)
            await caller.send(GET)
            await eventually(lambda: len(stage.origin.requests) == 2)
            if way == "reset":
                plug = caller.writer.get_extra_info("socket")
                plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            caller.leave()
        (_, line) = await stage.over(2)
        assert (line.status, line.outcome) == (0, "caller_left")
        await eventually(lambda: stage.origin.open == 0)
        assert (stage.upstream.busy, stage.gateway.traffic.in_flight) == (0, 0)


async def test_a_caller_that_only_ends_its_sending_gets_its_reply() -> None:
    go = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        await visit.request()
        await go.wait()
        await visit.send(OK)

    async with staged(script) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        await caller.send(GET)
        await eventually(lambda: len(stage.origin.requests) == 2)
        caller.writer.write_eof()
        await asyncio.sleep(0.1)
        go.set()
        heard = await caller.rest()
        assert (heard.raw, heard.reset) == (OK, False)


async def test_with_the_end_of_the_process_it_is_cut_and_told(counted: Counted) -> None:
    async with staged(hanging) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        await caller.send(GET)
        await eventually(lambda: len(stage.origin.requests) == 2)
        await stage.stop()
        assert (await caller.rest()).raw == b""
        (_, line) = await stage.over(2)
        assert (line.outcome, line.status) == ("aborted", 0)
        assert (stage.upstream.busy, stage.gateway.traffic.in_flight) == (0, 0)
    assert counted.asked == 1


async def test_what_is_pipelined_is_answered_in_its_order(counted: Counted) -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        await caller.send(GET)
        await caller.send(GET.replace(b"/a", b"/b", 1) + GET.replace(b"/a", b"/c", 1))
        for _ in range(3):
            assert (await caller.reply()).raw == OK
        assert [asked.target for asked in stage.origin.requests] == [b"/a", b"/a", b"/b", b"/c"]
        await caller.send(GET)
        assert (await caller.reply()).raw == OK


async def test_behind_a_body_to_its_end_a_request_is_recalled_and_inside_one_nothing_is(counted: Counted) -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        upload = request(b"POST", b"/p", b"Content-Length: %d" % (2 * len(GET)))
        for parts in ((upload + GET, GET), (upload, GET, GET), (upload + GET + GET,)):
            for part in parts:
                await caller.send(part)
                await asyncio.sleep(0.005)
            assert (await caller.reply()).raw == OK
            await caller.send(GET)
            assert (await caller.reply()).raw == OK
        assert [asked.method for asked in stage.origin.requests] == [b"GET", *[b"POST", b"GET"] * 3]
        assert {len(asked.body) for asked in stage.origin.requests if asked.method == b"POST"} == {2 * len(GET)}
    assert counted.asked == 3


async def test_a_request_that_goes_on_touches_nothing_of_who_has_its_connection_by_then() -> None:
    """Its caller has ended its sending; in the turn in which its reply comes, an upload takes the connection."""
    slow, refused, behind = asyncio.get_running_loop().create_future(), asyncio.Event(), bytearray()

    async def script(visit: Visit) -> None:
        while True:
            asked = await visit.head()
            if asked.target == b"/slow":
                slow.set_result(visit)
            elif asked.method == b"POST":
                await refused.wait()
                await visit.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
                while part := await visit.reader.read(65536):
                    behind.extend(part)
                return
            else:
                await visit.send(OK)

    async with staged(script) as stage, stage.caller() as caller, stage.caller() as other, stage.caller() as third:
        await warmed(stage, caller)
        await other.send(request(b"POST", b"/up", b"Content-Length: 200000") + b"u" * 60_000)
        await asyncio.sleep(0.05)
        await caller.send(GET.replace(b"/a", b"/slow", 1))
        visit = await slow
        caller.writer.write_eof()
        await asyncio.sleep(0.05)
        other.writer.write(b"u" * 10_000)
        visit.writer.write(OK)
        await eventually(lambda: any(asked.method == b"POST" for asked in stage.origin.requests))
        await asyncio.sleep(0.05)
        refused.set()
        assert ((await other.reply()).status, (await caller.reply()).status) == (413, 200)
        await third.send(GET.replace(b"/a", b"/third", 1))
        await eventually(lambda: len(stage.lines()) == 4 or b"/third" in behind)
        assert b"/third" not in behind


async def test_what_is_admitted_for_one_method_is_not_for_another() -> None:
    preflight = request(b"OPTIONS", b"/a", b"Access-Control-Request-Method: POST")
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await warmed(stage, caller, preflight.replace(b"OPTIONS", b"GET", 1))
        await caller.send(preflight)
        assert (await caller.reply()).status == 403
        assert len(stage.origin.requests) == 1


async def test_a_bug_on_the_way_is_told_once_and_costs_nobody_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise ValueError("t0p-secret")

    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        monkeypatch.setattr(at_once, "to_caller", broken)
        await caller.send(GET)
        assert (await caller.reply()).raw == OK
        await stage.over(2)
        assert [type(event).__name__ for event in stage.bugs()] == ["Bug"]
        assert (stage.upstream.busy, stage.gateway.traffic.in_flight) == (0, 0)
        assert stage.origin.connections == 1


async def test_what_has_begun_to_go_on_when_the_process_ends_is_told() -> None:
    slow: asyncio.Future[Visit] = asyncio.get_running_loop().create_future()

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        await visit.request()
        slow.set_result(visit)
        await visit.reader.read()

    async with staged(script) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        await caller.send(GET)
        visit = await slow
        carry = type(next(iter(stage.server.connections))).carry
        ends: list[asyncio.Task[None]] = []

        def carried(self: object, waiting: object) -> None:
            carry(self, waiting)  # type: ignore[arg-type]  # as they came
            ends.append(asyncio.get_running_loop().create_task(stage.server.shutdown(0)))

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("sidecar.gateway.caller.CallerConnection.carry", carried)
            await visit.send(REFUSED)
            lines = await stage.over(2)
        await asyncio.gather(*ends)
        assert lines[1].outcome in {"aborted", "complete"}
        assert (stage.upstream.busy, stage.gateway.traffic.in_flight) == (0, 0)


@contextlib.contextmanager
def only_found_by_the_collector() -> Iterator[list[str]]:
    """Give a list that holds, after the block, what of ours was left behind in it and only the collector found."""
    found: list[str] = []
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield found
        gc.collect()
        found += sorted({type(one).__name__ for one in gc.garbage if type(one).__module__.startswith("sidecar.")})
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize(
    ("asked", "raw"),
    [
        (GET, OK),
        (GET, b"HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n" + b"x" * 40_000),  # it goes on in a task
        (request(b"POST", b"/pay", body=b"100 EUR"), OK),
        (request(b"GET", b"/a", b"Origin: http://elsewhere"), OK),
    ],
)
async def test_a_request_leaves_no_cycles_behind(asked: bytes, raw: bytes) -> None:
    """What only the collector finds costs every request, and some of them a pause."""
    async with staged(replying(raw)) as stage, stage.caller() as caller:
        for _ in range(3):
            await caller.send(asked)
            await caller.reply()
        with only_found_by_the_collector() as found:
            for _ in range(10):
                await caller.send(asked)
                await caller.reply()
            await stage.over(13)
        assert found == []


@pytest.mark.parametrize("raw", [OK, b"HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n" + b"x" * 40_000])
async def test_a_connection_leaves_no_cycles_behind(raw: bytes) -> None:
    async with staged(replying(raw)) as stage:
        with only_found_by_the_collector() as found:
            for _ in range(5):
                async with stage.caller() as caller:
                    for _ in range(2):
                        await caller.send(GET)
                        await caller.reply()
            await stage.over(10)
            await eventually(lambda: not stage.server.connections)
            await asyncio.sleep(0)
        assert found == []
