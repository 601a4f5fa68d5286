"""Callers that stop in the middle: they cost what they hold, and nobody else waits for them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from stalling import MIB, stalled, upload

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from typing import Any

    Start = Callable[..., AbstractAsyncContextManager[Any]]

STALLED = 100
LONGEST_WAIT = 1.0  # seconds that a good caller's request may take
PER_SLOW_READER = 2.5 * MIB  # README's share: what is on its way between FinHub and a caller that reads nothing


async def test_a_hundred_half_sent_uploads_take_no_connection_to_finhub(place: Start) -> None:
    async with (
        place(upstream="max_connections = 10") as busy,
        busy.good_caller() as good,
        stalled(busy, STALLED, upload(1024)),
    ):
        await asyncio.sleep(3)
        assert busy.process.status()["upstream"]["connections"] <= 1
        assert busy.process.status()["requests"]["in_flight"] >= STALLED
    assert set(good.statuses) == {200}
    assert good.worst < LONGEST_WAIT
    assert len(good.statuses) > 20


async def test_uploads_that_stall_late_give_their_connections_back_in_time(place: Start) -> None:
    """Beyond 64 KiB an upload holds a connection: callers that stall there cost others `body_timeout` at most."""
    async with (
        place(listen="body_timeout = 2", upstream="max_connections = 10\nwait = 5") as busy,
        stalled(busy, 20, upload(100 * 1024)),
        busy.good_caller() as good,
    ):
        await asyncio.sleep(8)
    assert set(good.statuses) == {200}
    assert good.seconds[-1] < LONGEST_WAIT


async def test_an_upload_that_drips_for_ever_is_ended(place: Start) -> None:
    async with (
        place(listen="body_timeout = 1\nmin_rate = 1000") as calm,
        stalled(calm, 1, upload(1024)) as ((reader, writer),),
    ):
        reply = asyncio.create_task(reader.read(1000))
        for _ in range(20):
            writer.write(b"x")
            await asyncio.sleep(0.4)
        assert (await reply).startswith(b"HTTP/1.1 408 ")


async def test_a_slow_reader_of_a_large_reply_does_not_grow_memory(place: Start) -> None:
    async with place() as calm, calm.good_caller() as good:
        await asyncio.sleep(1)
        before = max(calm.memory)
        request = b"GET /large/%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % (100 * MIB)
        async with stalled(calm, 1, request) as ((reader, _),):
            for _ in range(30):
                assert await reader.read(1000)
                await asyncio.sleep(0.1)
        grown = max(calm.memory) - before
    assert grown < 4 * MIB
    assert set(good.statuses) == {200}


async def test_a_hundred_slow_readers_have_a_ceiling(place: Start) -> None:
    async with place() as calm, calm.good_caller() as good:
        await asyncio.sleep(1)
        before = max(calm.memory)
        request = b"GET /large/%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % (10 * MIB)
        async with stalled(calm, 90, request):
            await asyncio.sleep(4)
        grown = max(calm.memory) - before
    assert grown < 90 * PER_SLOW_READER
    assert set(good.statuses) == {200}
