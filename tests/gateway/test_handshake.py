"""What a caller sends behind a handshake: it waits for the answer, and only that tells what it was."""

from __future__ import annotations

import asyncio

import pytest
from origin import OK, REFUSED, Visit, replying
from rawcaller import request
from stage import Plan, eventually, staged
from wsframes import YES, shake

from sidecar.gateway.handshake import HELD, Behind

WEBSOCKET = frozenset({b"websocket"})
PIECE = bytes(range(256)) * 256
TOO_MUCH = 512 * len(PIECE)  # more than the kernel's buffers on the way


def opened() -> Plan:
    return Plan(upgrades=WEBSOCKET)


async def test_behind_a_no_the_next_request_is_parsed_and_answered_in_its_turn() -> None:
    async with staged(replying(OK), opened()) as stage, stage.caller() as caller:
        await caller.send(
            request(b"GET", b"/a") + shake() + request(b"GET", b"/b") + request(b"POST", b"/c", body=b"x")
        )
        assert [(await caller.reply()).raw for _ in range(4)] == [OK] * 4
        await caller.send(request(b"GET", b"/d"))
        assert (await caller.reply()).raw == OK
        assert [asked.target for asked in stage.origin.requests] == [b"/a", b"/ws", b"/b", b"/c", b"/d"]
        assert stage.bugs() == []


@pytest.mark.parametrize("answer", [REFUSED, OK.replace(b"200 OK", b"426 Upgrade Required")])
async def test_a_no_of_finhub_is_delivered_as_it_is(answer: bytes) -> None:
    async with staged(replying(answer), opened()) as stage:
        assert (await stage.ask(shake())).raw == answer


async def test_behind_a_yes_nothing_is_a_request_though_it_looks_like_one() -> None:
    smuggled = request(b"GET", b"/smuggled")

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(YES)
        await visit.send(await visit.reader.readexactly(len(smuggled)))

    async with staged(script, opened()) as stage, stage.caller() as caller:
        await caller.send(shake() + smuggled)
        await caller.head()
        assert await caller.reader.readexactly(len(smuggled)) == smuggled
        assert [asked.target for asked in stage.origin.requests] == [b"/ws"]


async def test_behind_a_refusal_of_ours_the_next_request_is_answered() -> None:
    async with staged(replying(OK), opened()) as stage, stage.caller() as caller:
        await caller.send(shake(b"Origin: https://evil.example") + request(b"GET", b"/b"))
        assert (await caller.reply()).cause == "http_request_denied"
        assert (await caller.reply()).raw == OK
        assert [asked.target for asked in stage.origin.requests] == [b"/b"]


@pytest.mark.parametrize("says_yes", [True, False])
async def test_what_comes_before_the_answer_is_held_back_and_none_of_it_is_lost(*, says_yes: bool) -> None:
    asked, go = asyncio.Event(), asyncio.Event()
    sent = PIECE * (TOO_MUCH // len(PIECE))

    async def script(visit: Visit) -> None:
        await visit.request()
        asked.set()
        await go.wait()
        if says_yes:
            await visit.send(YES)
            await visit.send(await visit.reader.readexactly(len(sent)))
            return
        await visit.send(OK)
        await visit.request()
        await visit.send(OK)

    async with staged(script, opened()) as stage, stage.caller() as caller:
        body = b"" if says_yes else request(b"POST", b"/b", body=sent)
        sending = asyncio.create_task(caller.send(shake() + (body or sent)))
        await asked.wait()
        (connection,) = stage.server.connections
        transport = connection.transport
        assert transport is not None
        await eventually(lambda: not transport.is_reading())
        behind = transport.get_protocol()
        assert isinstance(behind, Behind)
        assert HELD <= behind.held < HELD + 2**20
        go.set()
        await caller.head()
        if says_yes:
            assert await caller.reader.readexactly(len(sent)) == sent
        else:
            assert await caller.reader.readexactly(2) == b"ok"
            assert (await caller.reply()).raw == OK
            assert stage.origin.bodies[1] == sent
        await sending


async def test_a_caller_that_leaves_before_the_answer_ends_the_handshake() -> None:
    asked = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        asked.set()
        assert await visit.reader.read() == b""

    async with staged(script, opened()) as stage, stage.caller() as caller:
        await caller.send(shake() + b"early")
        await asked.wait()
        caller.leave()
        (line,) = await stage.over()
        assert (line.status, line.outcome) == (0, "caller_left")
        await eventually(lambda: stage.origin.open == 0)
        assert stage.bugs() == []


async def test_a_caller_that_says_no_more_gets_its_no() -> None:
    async with staged(replying(OK), opened()) as stage, stage.caller() as caller:
        await caller.send(shake())
        caller.writer.write_eof()
        assert (await caller.rest()).raw == OK


@pytest.mark.parametrize(
    "raw",
    [
        shake().replace(b"HTTP/1.1", b"HTTP/1.0"),
        shake().replace(b"GET", b"OPTIONS"),
        shake(b"Content-Length: 0", b"Upgrade: h2c"),
        shake(b"Content-Length: 2") + b"hi",
        shake().replace(b"Upgrade: websocket", b"Upgrade: h2c"),
        shake().replace(b"Connection: Upgrade", b"Connection: keep-alive"),
    ],
)
async def test_whoever_asks_in_another_way_is_answered_over_http(raw: bytes) -> None:
    async with staged(replying(OK), opened()) as stage:
        assert (await stage.ask(raw)).body == b"ok"
        (asked,) = stage.origin.requests
        assert (asked.get(b"Upgrade"), asked.get(b"Connection")) == ([], [])


@pytest.mark.parametrize("plan", [Plan(), opened()])
async def test_what_the_parser_drops_behind_a_wish_for_another_protocol_is_not_waited_for(plan: Plan) -> None:
    h2c = request(b"GET", b"/a", b"Connection: Upgrade", b"Upgrade: h2c")
    async with staged(replying(OK), plan) as stage:
        heard = await stage.hear(h2c + request(b"GET", b"/b"))
        assert (heard.status, heard.get(b"Connection"), heard.body) == (200, [b"close"], b"ok")
        async with stage.caller() as caller:
            for _ in range(2):  # nothing is behind it
                await caller.send(h2c)
                assert (await caller.reply()).raw == OK
        assert [asked.target for asked in stage.origin.requests] == [b"/a"] * 3


async def test_where_nobody_may_switch_a_handshake_is_a_request_like_any_other() -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        for _ in range(3):  # remembered, too
            await caller.send(shake())
            assert (await caller.reply()).raw == OK
        assert [asked.get(b"Upgrade") for asked in stage.origin.requests] == [[], [], []]


async def test_a_tenant_of_which_nobody_may_switch_answers_over_http_though_others_may() -> None:
    async with staged(replying(OK), Plan(upgrades=WEBSOCKET)) as stage, stage.caller() as caller:
        object.__setattr__(stage.gateway.lane, "upgrades", frozenset())
        for _ in range(3):
            await caller.send(shake())
            assert (await caller.reply()).raw == OK
        assert [asked.get(b"Upgrade") for asked in stage.origin.requests] == [[], [], []]


async def test_a_handshake_is_never_taken_for_one_that_was_before() -> None:
    async with staged(replying(OK), opened()) as stage, stage.caller() as caller:
        for _ in range(3):
            await caller.send(shake())
            assert (await caller.reply()).raw == OK
        assert [asked.get(b"Upgrade") for asked in stage.origin.requests] == [[b"websocket"]] * 3


async def test_behind_a_no_half_a_head_is_no_beginning_of_one_that_was_before() -> None:
    known = request(b"GET", b"/a")
    async with staged(replying(OK), opened()) as stage, stage.caller() as caller:
        for _ in range(2):
            assert (await stage.ask(known)).raw == OK
        await caller.send(request(b"POST", b"/b", body=b"1234567")[:-5])
        await asyncio.sleep(0.05)  # the rest is another packet
        await caller.send(b"34567" + shake())
        assert [(await caller.reply()).raw for _ in range(2)] == [OK] * 2
        await caller.send(b"GET /")
        await asyncio.sleep(0.05)
        await caller.send(known)
        assert (await caller.reply()).status == 400
        assert [asked.target for asked in stage.origin.requests] == [b"/a", b"/a", b"/b", b"/ws"]


async def test_a_connection_that_has_switched_never_speaks_http_again() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(YES)
        await visit.reader.read()

    async with staged(script, opened()) as stage, stage.caller() as caller:
        await caller.send(shake())
        await caller.head()
        (connection,) = stage.server.connections
        assert connection.transport is not None
        behind = connection.transport.get_protocol()
        assert isinstance(behind, Behind)
        behind.give_back()
        assert connection.transport.get_protocol() is behind
