"""The caller leaves: what changes nothing is given up at once, what binds runs to its end, what was not sent stays."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest
from faketokens import FakeTokens
from origin import OK, REFUSED, Origin, Script, Visit, serving, silent
from rawcaller import request
from stage import Plan, Stage, eventually, staged

if TYPE_CHECKING:
    from conftest import Ends
    from rawcaller import Caller

    from sidecar.session.token import Token

SAFE = ["GET", "HEAD", "OPTIONS"]
BINDING = ["POST", "PUT", "PATCH", "DELETE"]
WAYS = ["close", "reset"]


def of(method: str) -> bytes:
    return request(method.encode(), b"/a", body=b"" if method in SAFE else b"payment")


def depart(caller: Caller, way: str) -> None:
    """Leave as a program does that closes its socket, or as one that crashes with bytes unread."""
    plug = caller.writer.get_extra_info("socket")
    if way == "reset":
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    caller.leave()


class SlowTokens(FakeTokens):
    """Hands out the first `quick` tokens at once, and the next one never."""

    quick = 0
    waiting = 0

    async def token(self) -> Token:
        if self.asked == self.quick:
            self.waiting += 1
            await asyncio.Event().wait()
        return await super().token()


def answering(*replies: bytes) -> tuple[Script, asyncio.Event]:
    """Return a FinHub that answers once the event is set, each request with the next reply."""
    go, left = asyncio.Event(), list(replies)

    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            await go.wait()
            await visit.send(left.pop(0))

    return script, go


async def whole(origin: Origin, count: int = 1) -> None:
    await eventually(lambda: sum(asked.whole for asked in origin.requests) == count)


# ── FinHub is at work ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", SAFE)
async def test_a_question_whose_caller_leaves_ends_at_finhub_at_once(method: str, way: str) -> None:
    async with staged(silent) as stage:
        async with stage.caller() as caller:
            await caller.send(of(method))
            await whole(stage.origin)
            depart(caller, way)
        async with asyncio.timeout(1):
            (line,) = await stage.over()
            await eventually(lambda: stage.origin.open == 0)
        assert (line.outcome, line.status, line.upstream_status, line.attempts) == ("caller_left", 0, 0, 1)
        assert (line.reason, line.source) == ("", "sidecar")
        assert stage.upstream.busy == stage.gateway.traffic.in_flight == 0
        assert stage.bugs() == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", BINDING)
async def test_a_payment_whose_caller_leaves_is_told_with_what_finhub_answered(method: str, way: str) -> None:
    script, go = answering(OK.replace(b"200 OK", b"201 Created"))
    async with staged(script) as stage:
        async with stage.caller() as caller:
            await caller.send(of(method))
            await whole(stage.origin)
            depart(caller, way)
        await asyncio.sleep(0.05)
        assert (stage.lines(), stage.origin.open) == ([], 1)
        go.set()
        (line,) = await stage.over()
        assert (line.outcome, line.status, line.upstream_status) == ("caller_left", 0, 201)
        assert (line.source, line.sent, line.attempts) == ("upstream", 0, 1)
        assert len(stage.origin.requests) == 1
        assert stage.upstream.busy == 0
        assert stage.bugs() == []


async def test_a_caller_that_left_just_before_the_reply_is_known_to_have_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.gateway.patience._FIRST_LOOKS", (60.0,))
    script, go = answering(OK)
    async with staged(script) as stage:
        async with stage.caller() as caller:
            await caller.send(of("POST"))
            await whole(stage.origin)
            caller.leave()
        await asyncio.sleep(0.02)
        go.set()
        (line,) = await stage.over()
        assert (line.outcome, line.status, line.upstream_status) == ("caller_left", 0, 200)


async def test_a_payment_whose_caller_leaves_is_waited_for_no_longer_than_for_another() -> None:
    async with staged(silent, Plan(response=0.2)) as stage:
        async with stage.caller() as caller:
            await caller.send(of("POST"))
            await whole(stage.origin)
            caller.leave()
        (line,) = await stage.over()
        assert (line.outcome, line.status, line.upstream_status) == ("caller_left", 0, 0)
        assert line.reason == "connection_read_timeout"
        assert stage.upstream.busy == 0


async def test_a_crowd_that_leaves_costs_finhub_no_connection() -> None:
    async with staged(silent, Plan(connections=60)) as stage:
        callers = [await _opened(stage) for _ in range(50)]
        for _, writer in callers:
            writer.write(of("GET"))
        await whole(stage.origin, 50)
        for _, writer in callers:
            writer.close()
        lines = await stage.over(50)
        await eventually(lambda: stage.origin.open == 0)
        assert {line.outcome for line in lines} == {"caller_left"}
        assert stage.upstream.busy == 0


async def _opened(stage: Stage) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", stage.port)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_caller_that_only_ends_its_sending_gets_its_reply(method: str) -> None:
    script, go = answering(OK)
    async with staged(script) as stage, stage.caller() as caller:
        await caller.send(of(method))
        caller.writer.write_eof()
        await whole(stage.origin)
        await asyncio.sleep(0.05)
        go.set()
        heard = await caller.rest()
        assert (heard.status, heard.body, heard.reset) == (200, b"ok", False)
        (line,) = await stage.over()
        assert (line.outcome, line.status, line.upstream_status) == ("complete", 200, 200)


async def test_a_long_upload_whose_sending_ends_behind_it_arrives_whole() -> None:
    body = bytes(3 << 20)
    script, go = answering(OK)
    go.set()
    async with staged(script) as stage, stage.caller() as caller:
        await caller.send(request(b"POST", b"/a", body=body))
        caller.writer.write_eof()
        heard = await caller.rest()
        assert heard.status == 200
        assert stage.origin.bodies == [body]


# ── nothing was sent yet ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_whoever_leaves_while_a_token_is_minted_is_not_sent(method: str) -> None:
    tokens = SlowTokens()
    async with staged(silent, Plan(tokens=tokens)) as stage:
        async with stage.caller() as caller:
            await caller.send(of(method))
            await eventually(lambda: tokens.waiting == 1)
            caller.leave()
        await _is_over_and_never_sent(stage)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_whoever_leaves_while_all_connections_are_busy_is_not_sent(method: str) -> None:
    script, go = answering(OK, OK)
    async with staged(script, Plan(connections=1)) as stage, stage.caller() as first:
        await first.send(of("POST"))
        await whole(stage.origin)
        async with stage.caller() as caller:
            await caller.send(of(method))
            await eventually(lambda: stage.gateway.traffic.in_flight == 2)
            caller.leave()
        (line,) = await stage.over()
        assert (line.outcome, line.status, line.upstream_status) == ("caller_left", 0, 0)
        go.set()
        assert (await first.reply()).status == 200
        assert len(stage.origin.requests) == 1
        assert stage.upstream.busy == 0


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_whoever_leaves_while_finhub_is_being_connected_to_is_not_sent(method: str, ends: Ends) -> None:
    async def deaf(visit: Visit) -> None:
        await visit.reader.read(1)
        await asyncio.Event().wait()

    async with serving(deaf) as origin:
        plan = Plan(url=f"https://localhost:{origin.port}", tls=ends.clients[0], connect=30.0)
        async with staged(silent, plan) as stage:
            async with stage.caller() as caller:
                await caller.send(of(method))
                await eventually(lambda: origin.open == 1)
                caller.leave()
            await _is_over_and_never_sent(stage)


async def _is_over_and_never_sent(stage: Stage) -> None:
    async with asyncio.timeout(1):
        (line,) = await stage.over()
    assert (line.outcome, line.status, line.upstream_status, line.source) == ("caller_left", 0, 0, "sidecar")
    assert stage.origin.requests == []
    assert stage.upstream.busy == stage.gateway.traffic.in_flight == 0
    assert stage.budget.left == 64 << 20
    assert stage.bugs() == []


# ── between two sendings ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("way", WAYS)
async def test_a_payment_that_finhub_refused_is_not_sent_again_for_a_caller_that_has_left(way: str) -> None:
    script, go = answering(REFUSED, OK)
    async with staged(script) as stage:
        async with stage.caller() as caller:
            await caller.send(of("POST"))
            await whole(stage.origin)
            depart(caller, way)
        await asyncio.sleep(0.1)
        go.set()
        (line,) = await stage.over()
        assert (line.outcome, line.status, line.upstream_status, line.attempts) == ("caller_left", 0, 401, 1)
        assert len(stage.origin.requests) == 1
        assert stage.tokens.counts == {"rejected": 1, "struck": 0, "accepted": 0}, "the others need another token"


async def test_whoever_leaves_while_the_second_token_is_minted_is_not_sent_again() -> None:
    tokens = SlowTokens()
    tokens.quick = 1
    script, go = answering(REFUSED, OK)
    go.set()
    async with staged(script, Plan(tokens=tokens)) as stage:
        async with stage.caller() as caller:
            await caller.send(of("POST"))
            await eventually(lambda: tokens.waiting == 1)
            caller.leave()
        (line,) = await stage.over()
        assert (line.outcome, line.status, line.upstream_status) == ("caller_left", 0, 401)
        assert len(stage.origin.requests) == 1


async def test_a_second_sending_runs_to_its_end_like_a_first() -> None:
    second = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(REFUSED)
        await visit.request()
        await second.wait()
        await visit.send(OK)

    async with staged(script) as stage:
        async with stage.caller() as caller:
            await caller.send(of("POST"))
            await whole(stage.origin, 2)
            caller.leave()
        await asyncio.sleep(0.05)
        second.set()
        (line,) = await stage.over()
        assert (line.outcome, line.status, line.upstream_status, line.attempts) == ("caller_left", 0, 200, 2)
