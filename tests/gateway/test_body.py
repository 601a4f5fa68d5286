from __future__ import annotations

import asyncio
import sys

import pytest

from sidecar import errors
from sidecar.gateway.body import BrokenBody, Budget, Limits, ReplayableBody
from sidecar.gateway.pace import Pace


class Parts:
    """A caller that sends these parts and then ends, fails with `end`, or sends no more until it is fed."""

    def __init__(self, *parts: bytes, end: Exception | None = None, endless: bool = False) -> None:
        self.parts = list(parts)
        self.end = end
        self.endless = endless
        self.reads = 0
        self.invited = 0
        self.fed = asyncio.Event()

    def invite(self) -> None:
        assert self.reads == 0
        self.invited += 1

    def feed(self, part: bytes) -> None:
        self.parts.append(part)
        self.fed.set()

    async def readany(self) -> bytes:
        self.reads += 1
        while not self.parts and self.endless:
            self.fed.clear()
            await self.fed.wait()
        if self.parts:
            return self.parts.pop(0)
        if self.end is not None:
            raise self.end
        return b""


def body_of(
    source: Parts,
    length: int | None = None,
    *,
    max_body: int = 1000,
    remembered: int = 100,
    budget: Budget | None = None,
    timeout: float = 5.0,  # the value under test, not a time limit of this function
    rate: int = 1,
) -> ReplayableBody:
    limits = Limits(max_body=max_body, remembered=remembered, pace=Pace(timeout, rate))
    return ReplayableBody(source, length, limits, budget or Budget(10_000), source.invite)


async def all_of(body: ReplayableBody) -> list[bytes]:
    return [chunk async for chunk in body.chunks()]


# ── streaming and remembering ───────────────────────────────────────────────────────────────────────────────────


async def test_a_body_is_yielded_as_it_comes_and_again_from_its_first_byte() -> None:
    source = Parts(b"one", b"two", b"three")
    body = body_of(source)
    assert await all_of(body) == [b"one", b"two", b"three"]
    assert await all_of(body) == [b"one", b"two", b"three"]
    assert source.reads == 4
    assert body.received == 11
    assert body.complete
    assert body.repeatable
    assert body.whole == b"onetwothree"


async def test_nothing_is_read_ahead_of_who_asks_for_it() -> None:
    source = Parts(b"one", b"two")
    body = body_of(source)
    assert source.reads == 0
    assert await anext(body.chunks()) == b"one"
    assert source.reads == 1
    assert body.whole is None
    assert not body.complete


async def test_a_body_of_known_length_ends_with_its_last_byte_and_asks_for_no_more() -> None:
    source = Parts(b"one", b"two")
    body = body_of(source, 6)
    assert await all_of(body) == [b"one", b"two"]
    assert source.reads == 2


async def test_no_body_is_never_read_and_nobody_is_invited_to_send_it() -> None:
    source = Parts()
    body = body_of(source, 0)
    await body.prefetch(10)
    assert await all_of(body) == []
    assert (source.reads, source.invited) == (0, 0)
    assert body.whole == b""
    assert body.repeatable


async def test_the_caller_is_invited_once_before_the_first_byte_is_read() -> None:
    source = Parts(b"one", b"two")
    body = body_of(source)
    assert source.invited == 0
    await all_of(body)
    await all_of(body)
    assert source.invited == 1


async def test_prefetch_stops_at_its_size_and_what_it_read_is_yielded() -> None:
    source = Parts(b"one", b"two", b"three")
    body = body_of(source)
    await body.prefetch(4)
    assert (source.reads, body.received) == (2, 6)
    await body.prefetch(4)
    assert source.reads == 2
    assert await all_of(body) == [b"one", b"two", b"three"]


async def test_prefetch_stops_where_the_body_ends() -> None:
    source = Parts(b"one")
    body = body_of(source)
    await body.prefetch(1000)
    assert body.whole == b"one"
    assert source.reads == 2


# ── bounds ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("size", "repeatable"), [(100, True), (101, False)])
async def test_a_body_can_be_repeated_up_to_the_remembered_size(size: int, *, repeatable: bool) -> None:
    body = body_of(Parts(bytes(60), bytes(size - 60)))
    assert b"".join(await all_of(body)) == bytes(size)
    assert body.repeatable is repeatable
    assert body.whole == (bytes(size) if repeatable else None)


async def test_a_body_too_large_to_remember_is_forgotten_as_it_is_sent() -> None:
    parts = [bytes([number]) * 60 for number in range(10)]
    held = [sys.getrefcount(parts[number]) for number in range(10)]
    body = body_of(Parts(*parts))
    chunks = body.chunks()
    await anext(chunks)
    for last in range(1, 10):
        await anext(chunks)
        assert [number for number in range(last) if sys.getrefcount(parts[number]) > held[number]] == []
    assert not body.repeatable


async def test_what_all_bodies_remember_together_is_bounded_and_given_back() -> None:
    budget = Budget(200)
    first, second = body_of(Parts(bytes(60)), budget=budget), body_of(Parts(bytes(60)), budget=budget)
    await all_of(first)
    assert budget.left == 76  # 60 bytes, and 64 for the chunk itself
    await all_of(second)
    assert (first.repeatable, second.repeatable, budget.left) == (True, False, 76)
    first.release()
    assert budget.left == 200
    third = body_of(Parts(bytes(60)), budget=budget)
    await all_of(third)
    assert third.repeatable


async def test_a_body_that_grows_too_large_gives_back_what_it_had_reserved() -> None:
    budget = Budget(1000)
    body = body_of(Parts(bytes(60), bytes(60)), budget=budget)
    chunks = body.chunks()
    await anext(chunks)
    assert budget.left == 940 - 64
    await anext(chunks)
    assert budget.left == 1000
    body.release()
    assert budget.left == 1000


async def test_a_released_body_holds_nothing_and_gives_back_only_once() -> None:
    budget = Budget(200)
    body = body_of(Parts(bytes(60)), budget=budget)
    await all_of(body)
    assert budget.left == 76
    body.release()
    body.release()
    assert budget.left == 200
    assert not body.repeatable
    assert body.whole is None


def test_a_budget_that_has_not_enough_reserves_nothing() -> None:
    budget = Budget(10)
    assert not budget.take(11)
    assert budget.left == 10
    assert budget.take(10)
    assert not budget.take(1)
    budget.give_back(10)
    assert budget.left == 10


# ── what ends a body early ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_body_larger_than_allowed_ends_as_too_large_and_the_rest_is_not_read() -> None:
    source = Parts(bytes(600), bytes(401), bytes(1))
    body = body_of(source)
    with pytest.raises(errors.BodyTooLarge) as caught:
        await all_of(body)
    assert body.failure is caught.value
    assert not body.repeatable
    assert source.reads == 2


async def test_a_body_as_large_as_allowed_passes() -> None:
    assert len(b"".join(await all_of(body_of(Parts(bytes(600), bytes(400)))))) == 1000


class Dripping:
    """A byte at a time, for ever."""

    async def readany(self) -> bytes:
        await asyncio.sleep(0.005)
        return b"x"


async def test_a_body_that_drips_for_ever_is_ended_by_its_average_rate() -> None:
    limits = Limits(max_body=10**6, remembered=0, pace=Pace(0.1, 10_000))
    body = ReplayableBody(Dripping(), 10**6, limits, Budget(0), lambda: None)
    with pytest.raises(errors.CallerTimeout, match="less than 10000 bytes a second"):
        await body.prefetch(10**6)
    assert 0 < body.received <= 20
    assert not body.repeatable


async def test_the_time_in_which_nobody_reads_is_not_the_callers() -> None:
    body = body_of(Parts(b"one", b"two"), timeout=0.05, rate=1)
    async for _ in body.chunks():
        await asyncio.sleep(0.06)
    assert body.complete


async def test_a_caller_that_pauses_too_long_is_timed_out() -> None:
    body = body_of(Parts(b"one", endless=True), timeout=0.01)
    with pytest.raises(errors.CallerTimeout) as caught:
        await all_of(body)
    assert body.failure is caught.value
    assert "0.01 s" in caught.value.detail


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        (ConnectionResetError("gone"), errors.CallerGone),
        (OSError("broken"), errors.CallerGone),
        (BrokenBody("bad chunk"), errors.MalformedRequest),
    ],
)
async def test_what_the_callers_connection_says_is_told_in_our_words(
    end: Exception, kind: type[errors.SidecarError]
) -> None:
    body = body_of(Parts(b"one", end=end))
    with pytest.raises(kind) as caught:
        await all_of(body)
    assert type(caught.value) is kind
    assert body.failure is caught.value
    assert not body.repeatable
    assert not body.complete


async def test_a_body_that_ends_before_its_length_is_malformed_and_never_complete() -> None:
    body = body_of(Parts(b"one"), 6)
    with pytest.raises(errors.MalformedRequest):
        await all_of(body)
    assert not body.complete
    assert body.whole is None


# ── a second sending while the first still reads ────────────────────────────────────────────────────────────────


async def test_an_older_sending_ends_with_an_error_once_a_newer_one_has_begun() -> None:
    body = body_of(Parts(b"one", b"two"))
    older = body.chunks()
    assert await anext(older) == b"one"
    newer = body.chunks()
    assert await anext(newer) == b"one"
    with pytest.raises(errors.ConnectionTerminated):
        await anext(older)
    assert await anext(newer) == b"two"


async def test_a_sending_cancelled_while_it_waits_for_the_caller_costs_the_next_one_no_byte() -> None:
    source = Parts(b"one", endless=True)
    body = body_of(source, 6)
    older = asyncio.create_task(all_of(body))
    while source.reads < 2:  # noqa: ASYNC110  # the second read has no event of its own
        await asyncio.sleep(0)
    newer = asyncio.create_task(all_of(body))
    await asyncio.sleep(0)
    older.cancel()
    source.feed(b"two")
    assert await newer == [b"one", b"two"]
