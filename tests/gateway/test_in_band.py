"""A refusal of the token inside a 200: taken for a 401 where the dialect says so, on both ways a request can go."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING

import pytest
from origin import REFUSED, Visit, cutting, replying
from rawcaller import request
from stage import Plan, Stage, eventually, staged

from sidecar.gateway import at_once
from sidecar.session.dialect import Expired
from sidecar.session.in_band import InBand

if TYPE_CHECKING:
    from rawcaller import Caller

BODY = b'{"success":false,"code":401,"msg":"The access token has expired"}'
FINE = b'{"success":true,"code":200,"data":{"n":401}}'
GET = request(b"GET", b"/a")
POST = request(b"POST", b"/a", body=b'{"amount":"1.10"}')


def reply_of(body: bytes, *fields: bytes, kind: bytes = b"application/json") -> bytes:
    head = [b"HTTP/1.1 200 OK", b"Content-Type: " + kind, b"Content-Length: %d" % len(body), *fields]
    return b"\r\n".join([*head, b"", body])


INSIDE = reply_of(BODY)
OK = reply_of(FINE)
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"10\r\n" + BODY[:16] + b"\r\n%x\r\n" % len(BODY[16:]) + BODY[16:] + b"\r\n0\r\n\r\n"
)


def plan(**more: object) -> Plan:
    judge = InBand(Expired.read({"code_at": "code", "codes": 401}))
    return Plan(in_band=judge, **more)  # type: ignore[arg-type]  # as a test may set them


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The requests that were asked at once."""
    asked: list[object] = []
    ask = at_once.ask

    def watched(*args: object) -> object:
        trip = ask(*args)  # type: ignore[arg-type]  # as they came
        if trip is not None:
            asked.append(trip)
        return trip

    monkeypatch.setattr(at_once, "ask", watched)
    return asked


@pytest.mark.parametrize(
    "refusal",
    [INSIDE, CHUNKED, reply_of(gzip.compress(BODY), b"Content-Encoding: gzip")],
    ids=["plain", "chunked", "gzip"],
)
async def test_it_brings_another_token_and_the_request_once_more(refusal: bytes) -> None:
    async with staged(replying(refusal, OK), plan()) as stage:
        assert (await stage.ask(POST)).raw == OK
        first, second = stage.origin.requests
        assert (first.line, bytes(first.body)) == (second.line, bytes(second.body))
        assert [asked.get(b"Authorization") for asked in (first, second)] == [
            [b"Bearer fresh-token-1"],
            [b"Bearer fresh-token-2"],
        ]
        assert stage.tokens.counts == {"rejected": 1, "struck": 0, "accepted": 1}
        (line,) = await stage.over()
        assert (line.attempts, line.replay, line.status) == (2, "token refused", 200)


async def test_on_a_fresh_token_it_is_the_callers_and_a_strike() -> None:
    async with staged(replying(INSIDE), plan()) as stage:
        assert (await stage.ask(POST)).raw == INSIDE
        assert len(stage.origin.requests) == 2
        assert stage.tokens.counts == {"rejected": 1, "struck": 1, "accepted": 0}
        (line,) = await stage.over()
        assert line.replay == "refused on a fresh token"


async def test_a_body_too_large_to_remember_gets_it_and_the_next_caller_another_token() -> None:
    async with staged(replying(INSIDE, OK), plan(remembered=1000)) as stage:
        assert (await stage.ask(request(b"POST", b"/a", body=bytes(1001)))).raw == INSIDE
        assert len(stage.origin.requests) == 1
        assert stage.tokens.counts == {"rejected": 1, "struck": 0, "accepted": 0}


async def test_expired_when_narrows_it_as_it_does_a_401() -> None:
    async with staged(replying(INSIDE, OK), plan(expired_when="HAS EXPIRED")) as stage:
        assert (await stage.ask(POST)).raw == OK
    async with staged(replying(INSIDE, OK), plan(expired_when="some other text")) as stage:
        assert (await stage.ask(POST)).raw == INSIDE
        assert stage.tokens.counts == {"rejected": 0, "struck": 0, "accepted": 0}


async def test_a_plain_401_is_one_as_ever() -> None:
    async with staged(replying(REFUSED, OK), plan()) as stage:
        assert (await stage.ask(POST)).raw == OK
        assert stage.tokens.counts["rejected"] == 1


@pytest.mark.parametrize(
    "reply",
    [
        OK,
        reply_of(BODY, kind=b"text/html"),
        reply_of(BODY + b" " * 65_536),
        reply_of(b""),
        INSIDE.replace(b"200", b"201", 1),
    ],
    ids=["fine", "no JSON", "long", "empty", "another status"],
)
async def test_whatever_else_comes_is_the_callers_byte_for_byte(reply: bytes) -> None:
    async with staged(replying(reply), plan()) as stage:
        assert (await stage.ask(POST)).raw == reply
        assert len(stage.origin.requests) == 1
        assert stage.tokens.counts == {"rejected": 0, "struck": 0, "accepted": 1}


async def test_a_reply_to_head_says_nothing() -> None:
    async with staged(replying(INSIDE.removesuffix(BODY)), plan()) as stage:
        heard = await stage.ask(request(b"HEAD", b"/a"), bodiless=True)
        assert heard.raw == INSIDE.removesuffix(BODY)
        assert stage.tokens.counts == {"rejected": 0, "struck": 0, "accepted": 1}


async def test_without_a_dialect_that_says_so_no_body_is_looked_at() -> None:
    async with staged(replying(INSIDE)) as stage:
        assert (await stage.ask(POST)).raw == INSIDE
        assert stage.tokens.counts == {"rejected": 0, "struck": 0, "accepted": 1}


async def test_a_stream_of_events_is_not_waited_for() -> None:
    more = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await more.wait()

    async with staged(script, plan()) as stage, stage.caller() as caller:
        await caller.send(GET)
        assert (await caller.head()).startswith(b"HTTP/1.1 200 OK\r\n")
        more.set()


async def test_a_reply_that_breaks_off_while_it_is_looked_at_is_502_and_no_refusal() -> None:
    cut = cutting(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n" + BODY[:20])
    async with staged(cut, plan()) as stage:
        heard = await stage.ask(POST)
        assert (heard.status, heard.cause) == (502, "connection_terminated")
        assert stage.tokens.counts["rejected"] == 0


# ── asked at once ───────────────────────────────────────────────────────────────────────────────────────────────


async def warmed(stage: Stage, caller: Caller) -> None:
    await caller.send(GET)
    assert (await caller.reply()).raw == OK
    await eventually(lambda: stage.gateway.traffic.in_flight == 0)


async def test_what_was_asked_at_once_is_asked_once_more_too(trips: list[object]) -> None:
    async with staged(replying(OK, INSIDE, OK), plan()) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        await caller.send(GET)
        assert (await caller.reply()).raw == OK
        assert len(trips) == 1
        assert [asked.get(b"Authorization")[0][-1:] for asked in stage.origin.requests] == [b"1", b"1", b"2"]
        assert stage.tokens.counts == {"rejected": 1, "struck": 0, "accepted": 2}
        line = (await stage.over(2))[-1]
        assert (line.attempts, line.replay) == (2, "token refused")
        assert stage.upstream.busy == 0


async def test_a_fine_reply_to_what_was_asked_at_once_needs_no_task(trips: list[object]) -> None:
    carried: list[object] = []
    async with staged(replying(OK), plan()) as stage, stage.caller() as caller:
        await warmed(stage, caller)
        go_on = stage.gateway.go_on
        stage.gateway.go_on = lambda *of: carried.append(of) or go_on(*of)  # type: ignore[method-assign,func-returns-value]  # counts
        await caller.send(GET)
        assert (await caller.reply()).raw == OK
        assert (len(trips), carried) == (1, [])
        await eventually(lambda: stage.gateway.traffic.in_flight == 0)
        assert stage.tokens.counts == {"rejected": 0, "struck": 0, "accepted": 2}
