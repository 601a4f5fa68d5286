from __future__ import annotations

import asyncio

import pytest

from sidecar import errors
from sidecar.gateway import slots
from sidecar.gateway.slots import Holdup, Slots


async def test_a_connection_that_does_not_come_free_in_time_is_a_limit_reached() -> None:
    counted = Slots(1, 0.05)
    await counted.take()
    with pytest.raises(errors.ConnectionLimitReached, match="all 1 connections") as caught:
        await counted.take()
    assert (caught.value.retry_after, counted.busy) == (1, 1)
    counted.give()
    await counted.take()
    assert counted.busy == 1


async def test_who_waits_is_counted_until_the_turn_comes() -> None:
    counted = Slots(1, 5.0)
    await counted.take()
    waiting = [asyncio.create_task(counted.take()) for _ in range(3)]
    await asyncio.sleep(0)
    assert (counted.busy, counted.waiting) == (1, 3)
    waiting.pop().cancel()
    counted.give()
    await waiting.pop(0)
    await asyncio.sleep(0)
    assert (counted.busy, counted.waiting) == (1, 1)
    counted.give()
    await asyncio.gather(*waiting)
    assert (counted.busy, counted.waiting) == (1, 0)


async def test_a_time_out_that_has_just_run_out_hinders_nobody_to_look_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two timers due in one busy turn of the loop: the one that ran out cannot be set again."""
    monkeypatch.setattr(slots, "_LOOK", 0.01)
    monkeypatch.setattr(slots, "_HELD_UP", 0.0)
    counted, failures = Slots(1, 5.0), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    await counted.take()
    waiting = asyncio.create_task(counted.take())
    await asyncio.sleep(0)

    async def held_up() -> None:
        async with asyncio.timeout(0) as patience:
            with counted.held_up(patience, lambda: 1):
                asyncio.get_running_loop().call_soon(counted._make_room)  # noqa: SLF001  # the other timer
                await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await held_up()
    counted.give()
    await waiting
    assert failures == []


async def test_a_reply_is_held_up_since_the_last_progress_that_was_seen() -> None:
    left = 100
    holdup = Holdup(asyncio.timeout(None), lambda: left)
    assert (holdup.stalled(10), holdup.stalled(12)) == (0, 2)
    left = 50
    assert (holdup.stalled(13), holdup.stalled(15)) == (0, 2)
    left = 60  # more to send is no progress
    assert holdup.stalled(16) == 3
