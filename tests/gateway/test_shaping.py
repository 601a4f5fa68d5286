"""Turns are counted on a clock that leaps; what a caller sees, on real sockets with a bucket that hardly ever fills."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from leaping import LeapingLoop, leaping
from origin import OK, REFUSED, replying
from rawcaller import request
from stage import Plan, Stage, eventually, staged

from sidecar import errors, events
from sidecar.config.finhub_side import Limits
from sidecar.gateway.shaping import Shaper

if TYPE_CHECKING:
    from rawcaller import Caller

GET = request(b"GET", b"/a", b"Accept: x/y")
POST = request(b"POST", b"/a", body=b"payment")


def shaper(rate: float, burst: int = 1, queue: float = 60.0) -> Shaper:
    return Shaper(Limits(requests_per_second=rate, burst=burst, queue=queue))


def slow(burst: int, queue: float) -> Plan:
    """A turn every hundred seconds, but for the first ones."""
    return Plan(shaping=Limits(requests_per_second=0.01, burst=burst, queue=queue))


async def turns(given: Shaper, count: int) -> list[float]:
    """Ask for so many turns at once; return when each came, in seconds and in the order of asking."""
    began = asyncio.get_running_loop().time()

    async def one() -> float:
        if given.is_free():
            given.take()
        else:
            await given.wait()
        return round(asyncio.get_running_loop().time() - began, 3)

    return await asyncio.gather(*[one() for _ in range(count)])


# ── turns ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_go_at_once_and_the_others_evenly_in_the_order_in_which_they_came() -> None:
    assert leaping(turns(shaper(4.0), 5)) == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert leaping(turns(shaper(2.0, burst=3), 6)) == [0.0, 0.0, 0.0, 0.5, 1.0, 1.5]


def test_in_ten_seconds_no_more_go_than_the_burst_and_ten_times_the_rate() -> None:
    came = leaping(turns(shaper(20.0, burst=5), 300))
    assert sum(when <= 10.0 for when in came) == 205
    assert came == sorted(came)


def test_whoever_comes_later_overtakes_nobody() -> None:
    async def story() -> list[str]:
        given, order = shaper(1.0), []

        async def one(name: str) -> None:
            if not given.is_free():
                await given.wait()
            else:
                given.take()
            order.append(name)

        tasks = [asyncio.create_task(one(name)) for name in "abc"]
        await asyncio.sleep(0.999)
        assert not given.is_free()
        tasks.append(asyncio.create_task(one("late")))
        await asyncio.sleep(0.001)  # the very moment at which a turn comes free
        tasks.append(asyncio.create_task(one("later")))
        await asyncio.gather(*tasks)
        return order

    assert leaping(story()) == ["a", "b", "c", "late", "later"]


def test_nor_does_who_comes_when_a_turn_is_free_but_its_owner_was_not_told_yet() -> None:
    async def story() -> list[str]:
        given, order = shaper(1.0), []

        async def one(name: str) -> None:
            await given.wait()
            order.append(name)

        given.take()
        waiting = asyncio.create_task(one("first"))
        await asyncio.sleep(0.5)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, LeapingLoop)
        loop.pass_time(0.6)  # as when something holds the loop up
        assert not given.is_free()
        await asyncio.gather(asyncio.create_task(one("late")), waiting)
        return order

    assert leaping(story()) == ["first", "late"]


def test_who_gives_up_frees_the_place_and_costs_the_others_no_turn() -> None:
    async def story() -> list[float]:
        given = shaper(1.0)
        given.take()
        waiting = [asyncio.create_task(turns(given, 1)) for _ in range(4)]
        await asyncio.sleep(0.001)
        assert given.waiting == 4
        waiting[0].cancel()  # the first asks the bucket, the third only waits for that
        waiting[2].cancel()
        await asyncio.wait([waiting[0], waiting[2]])
        assert given.waiting == 2
        return [when for one in (waiting[1], waiting[3]) for when in await one]

    assert leaping(story()) == [1.0, 2.0]  # as if the other two had never come


def test_more_than_come_to_their_turn_in_time_are_refused_with_the_time_until_there_is_a_place() -> None:
    async def story() -> tuple[list[int | None], int]:
        given, refused = shaper(2.0, queue=1.5), []
        given.take()
        waiting = [asyncio.create_task(given.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        for _ in range(2):
            with pytest.raises(errors.TooFast, match="2 requests a second go to FinHub, and 3 are waiting") as caught:
                await given.wait()
            refused.append(caught.value.retry_after)
        await waiting[0]
        last = asyncio.create_task(given.wait())
        await asyncio.gather(*waiting, last)
        return refused, given.waiting

    assert leaping(story()) == ([1, 1], 0)


def test_with_a_slow_rate_the_time_to_come_back_is_longer() -> None:
    async def story() -> int | None:
        with pytest.raises(errors.TooFast) as caught:
            await shaper(0.1, queue=2.5).wait()
        return caught.value.retry_after

    assert leaping(story()) == 8


async def test_a_turn_that_is_not_free_cannot_be_taken() -> None:
    given = shaper(0.01)
    given.take()
    with pytest.raises(RuntimeError):
        given.take()
    assert given.waiting == 0


# ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────


def shaped(stage: Stage) -> list[bool]:
    return [event.refused for event in stage.told if isinstance(event, events.Shaped)]


async def ask(caller: Caller, data: bytes) -> bytes:
    await caller.send(data)
    return (await caller.reply()).raw


async def test_what_is_beyond_the_queue_gets_429_here_and_finhub_hears_nothing_of_it() -> None:
    async with staged(replying(OK), slow(burst=2, queue=0)) as stage:
        assert [(await stage.ask(POST)).status for _ in range(2)] == [200, 200]
        refused = await stage.ask(POST)
        assert (refused.status, refused.get(b"Retry-After")) == (429, [b"100"])
        assert b"limits.requests_per_second" in refused.raw
        assert len(stage.origin.requests) == 2
        assert shaped(stage) == [True]
        line = (await stage.over(3))[-1]
        assert (line.status, line.source, line.attempts) == (429, "sidecar", 0)


async def test_those_that_are_asked_at_once_take_turns_too() -> None:
    async with staged(replying(OK), slow(burst=3, queue=0)) as stage, stage.caller() as caller:
        for _ in range(3):
            assert await ask(caller, GET) == OK
            await eventually(lambda: stage.gateway.traffic.in_flight == 0)
        await caller.send(GET)
        assert (await caller.reply()).status == 429
        assert len(stage.origin.requests) == 3


async def test_a_turn_that_nothing_was_sent_with_is_not_lost() -> None:
    async with staged(replying(OK), slow(burst=2, queue=0)) as stage, stage.caller() as caller:
        assert await ask(caller, GET) == OK
        await eventually(lambda: stage.gateway.traffic.in_flight == 0)
        await stage.upstream._pool.close()  # noqa: SLF001  # so that no connection is at rest
        assert await ask(caller, GET) == OK
        assert len(stage.origin.requests) == 2


async def test_a_replay_takes_a_turn_as_well_and_is_refused_with_429_where_there_is_none() -> None:
    async with staged(replying(REFUSED, OK), slow(burst=2, queue=0)) as stage:
        assert (await stage.ask(POST)).status == 200
        assert (await stage.ask(POST)).status == 429
        assert len(stage.origin.requests) == 2
    async with staged(replying(REFUSED, OK), slow(burst=1, queue=0)) as stage:
        assert (await stage.ask(POST)).status == 429
        assert len(stage.origin.requests) == 1


@pytest.mark.parametrize("data", [GET, POST])
async def test_a_caller_that_leaves_the_queue_is_never_asked_for(data: bytes) -> None:
    async with staged(replying(OK), slow(burst=1, queue=1000)) as stage:
        assert (await stage.ask(data)).status == 200
        async with stage.caller() as caller:
            await caller.send(data)
            given = stage.gateway.lane.shaper
            assert given is not None
            await eventually(lambda: given.waiting == 1)
        await eventually(lambda: given.waiting == 0)
        line = (await stage.over(2))[-1]
        assert (line.outcome, line.attempts) == ("caller_left", 0)
        assert len(stage.origin.requests) == 1
        assert shaped(stage) == [False]


async def test_a_caller_that_leaves_while_its_replay_waits_is_not_asked_for_again_and_frees_the_place() -> None:
    async with staged(replying(REFUSED, OK), slow(burst=1, queue=1000)) as stage:
        async with stage.caller() as caller:
            await caller.send(POST)
            given = stage.gateway.lane.shaper
            assert given is not None
            await eventually(lambda: given.waiting == 1)
        await eventually(lambda: given.waiting == 0)
        line = (await stage.over(1))[-1]
        assert (line.outcome, line.attempts, line.upstream_status) == ("caller_left", 1, 401)
        assert len(stage.origin.requests) == 1


async def test_the_end_of_the_process_ends_the_waiting() -> None:
    async with staged(replying(OK), slow(burst=1, queue=1000)) as stage, stage.caller() as caller:
        assert (await stage.ask(POST)).status == 200
        await caller.send(POST)
        given = stage.gateway.lane.shaper
        assert given is not None
        await eventually(lambda: given.waiting == 1)
        began = time.monotonic()
        await stage.stop()
        assert time.monotonic() - began < 5
        assert given.waiting == 0


async def test_all_that_wait_are_served_at_the_rate() -> None:
    async with staged(replying(OK), Plan(shaping=Limits(requests_per_second=50, burst=1, queue=5))) as stage:
        began = time.monotonic()
        replies = await asyncio.gather(*[stage.ask(POST) for _ in range(11)])
        assert [reply.status for reply in replies] == [200] * 11
        assert time.monotonic() - began >= 0.19  # ten intervals of 20 ms, less what clocks round
        assert shaped(stage) == [False] * 10
