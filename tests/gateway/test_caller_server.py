from __future__ import annotations

import asyncio
import contextlib

from origin import OK, replying
from rawcaller import request
from stage import Plan, eventually, staged

from sidecar.gateway.caller_limits import CallerLimits


async def test_one_connection_too_many_is_answered_503_and_the_others_are_not_touched() -> None:
    async with staged(replying(OK), Plan(callers=CallerLimits(max_connections=2))) as stage:
        async with stage.caller() as first, stage.caller() as second:
            for caller in (first, second):
                await caller.send(request(b"GET", b"/a"))
                assert (await caller.reply()).raw == OK
            heard = await stage.hear(request(b"GET", b"/a"))
            assert (heard.status, heard.status_lines, heard.cause) == (503, 1, "connection_limit_reached")
            assert (heard.get(b"Connection"), heard.reset) == ([b"close"], False)
            await first.send(request(b"GET", b"/a"))
            assert (await first.reply()).raw == OK
        told = [line.status for line in await stage.over(4)]
        assert sorted(told) == [200, 200, 200, 503]
        assert len(stage.origin.requests) == 3
        await eventually(lambda: not stage.server.connections)
        assert (await stage.ask(request(b"GET", b"/a"))).raw == OK


async def test_of_a_crowd_beyond_the_last_connection_only_some_are_answered_and_the_others_ended_at_once() -> None:
    async with staged(replying(OK), Plan(callers=CallerLimits(max_connections=1))) as stage, stage.caller() as first:
        await first.send(request(b"GET", b"/a"))
        assert (await first.reply()).raw == OK
        async with contextlib.AsyncExitStack() as stack:
            crowd = [await stack.enter_async_context(stage.caller()) for _ in range(40)]
            await asyncio.sleep(0.05)
            for caller in crowd:
                with contextlib.suppress(ConnectionError):
                    await caller.send(request(b"GET", b"/a"))
            heard = [await caller.rest() for caller in crowd]
        assert [one.status for one in heard].count(503) == 32
        assert [one.status for one in heard].count(0) == 8
        assert len(await stage.over(33)) == 33


async def test_bounds_are_those_of_the_moment_in_which_a_connection_was_made() -> None:
    short, long = CallerLimits(max_field=50), CallerLimits(max_field=500)
    asked = request(b"GET", b"/a", b"X-A: " + b"a" * 100)
    async with staged(replying(OK), Plan(callers=long)) as stage, stage.caller() as before:
        await before.send(asked)
        assert (await before.reply()).raw == OK
        stage.server.bound_by(short)
        assert (await stage.hear(asked)).status == 431
        await before.send(asked)
        assert (await before.reply()).raw == OK
        assert (await stage.hear(asked)).status == 431, "what others may send is not recalled for it"
        stage.server.bound_by(long)
        assert (await stage.ask(asked)).raw == OK


async def test_fewer_connections_at_one_time_hold_from_then_on_and_end_none() -> None:
    async with staged(replying(OK), Plan(callers=CallerLimits(max_connections=2))) as stage, stage.caller() as first:
        await first.send(request(b"GET", b"/a"))
        assert (await first.reply()).raw == OK
        stage.server.bound_by(CallerLimits(max_connections=1))
        assert (await stage.hear(request(b"GET", b"/a"))).status == 503
        await first.send(request(b"GET", b"/a"))
        assert (await first.reply()).raw == OK
