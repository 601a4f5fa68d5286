"""The contract of the one door: what every engine does, alone and with another process beside it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sidecar.session.store.store import Found

if TYPE_CHECKING:
    import pytest

    from sidecar.session.store.store import Store

SLOT = "c0ffee"


async def held(store: Store, holder: str = "a", seconds: float = 30.0) -> int:
    lease = (await store.take(SLOT, holder, seconds)).lease
    assert lease > 0
    return lease


async def test_a_slot_that_nobody_used_is_empty(store: Store) -> None:
    assert await store.read(SLOT) == Found()


async def test_what_one_publishes_the_other_reads(store: Store, other: Store) -> None:
    lease = await held(store)
    assert await store.publish(SLOT, "a", lease, b"\x00sealed\xff", 30.0)
    found = await other.read(SLOT)
    assert (found.entry, found.fence, found.held_for, found.lease) == (b"\x00sealed\xff", lease, 0.0, 0)
    assert 0 <= found.age < 5


async def test_slots_know_nothing_of_each_other(store: Store) -> None:
    await store.publish(SLOT, "a", await held(store), b"one", 30.0)
    assert await store.read("decaf") == Found()
    assert (await store.take("decaf", "b", 30.0)).entry == b""


async def test_of_many_who_ask_at_once_one_gets_the_lease(store: Store, other: Store) -> None:
    found = await asyncio.gather(*(one.take(SLOT, f"{n}", 30.0) for n in range(10) for one in (store, other)))
    holders = {n // 2 for n, each in enumerate(found) if each.lease}
    assert len(holders) == 1
    assert all(0 < each.held_for <= 30 for each in found)


async def test_a_lease_that_has_run_out_can_be_taken_over(store: Store, other: Store) -> None:
    first = await held(store, "a", 0.05)
    assert (await other.take(SLOT, "b", 30.0)).lease == 0
    await asyncio.sleep(0.1)  # the engine's own clock: nobody can hand it another
    assert (await other.read(SLOT)).held_for == 0
    assert await held(other, "b") > first


async def test_who_takes_twice_holds_one_lease_and_the_newer_fence(store: Store) -> None:
    first = await held(store)
    second = await held(store)
    assert second > first
    assert not await store.renew(SLOT, "a", first, 30.0)
    assert await store.renew(SLOT, "a", second, 30.0)


async def test_a_lease_is_renewed_by_its_holder_alone(store: Store, other: Store) -> None:
    lease = await held(store, "a", 5.0)
    assert not await other.renew(SLOT, "b", lease, 60.0)
    assert (await other.read(SLOT)).held_for <= 5
    assert await store.renew(SLOT, "a", lease, 60.0)
    assert (await other.read(SLOT)).held_for > 5


async def test_a_lease_that_another_has_cannot_be_renewed_or_given_back(store: Store, other: Store) -> None:
    first = await held(store, "a", 0.02)
    await asyncio.sleep(0.05)
    await held(other, "b")
    assert not await store.renew(SLOT, "a", first, 30.0)
    await store.release(SLOT, "a", first)
    assert (await store.read(SLOT)).held_for > 0


async def test_a_lease_that_is_given_back_is_free(store: Store, other: Store) -> None:
    lease = await held(store)
    await store.release(SLOT, "a", lease)
    assert (await other.read(SLOT)).held_for == 0
    assert await held(other, "b") > lease


async def test_who_publishes_gives_the_lease_back(store: Store, other: Store) -> None:
    assert await store.publish(SLOT, "a", await held(store), b"one", 30.0)
    assert (await other.take(SLOT, "b", 30.0)).entry == b"one"


async def test_a_late_writer_with_an_old_fence_is_refused(store: Store, other: Store) -> None:
    old = await held(store, "a", 0.02)
    await asyncio.sleep(0.05)
    assert await other.publish(SLOT, "b", await held(other, "b"), b"new", 30.0)
    assert not await store.publish(SLOT, "a", old, b"old", 30.0)
    assert (await store.read(SLOT)).entry == b"new"


async def test_a_late_writer_is_heard_where_nobody_published_since_and_takes_no_lease_away(
    store: Store, other: Store
) -> None:
    old = await held(store, "a", 0.02)
    await asyncio.sleep(0.05)
    new = await held(other, "b")
    assert await store.publish(SLOT, "a", old, b"old", 30.0)
    assert (await store.read(SLOT)).held_for > 0
    assert await other.publish(SLOT, "b", new, b"new", 30.0)


async def test_to_publish_twice_is_to_publish_once(store: Store) -> None:
    lease = await held(store)
    assert await store.publish(SLOT, "a", lease, b"one", 30.0)
    assert await store.publish(SLOT, "a", lease, b"one", 30.0)
    assert (await store.read(SLOT)).fence == lease


async def test_an_entry_is_gone_when_its_time_is_over_and_fences_grow_on(store: Store) -> None:
    lease = await held(store)
    await store.publish(SLOT, "a", lease, b"one", 0.05)
    await asyncio.sleep(0.1)
    assert await store.read(SLOT) == Found()
    assert await held(store) > lease


async def test_the_others_hear_of_what_is_published_and_of_a_lease_given_back(store: Store, other: Store) -> None:
    heard = asyncio.Event()
    unlisten = other.listen(SLOT, heard.set)
    await asyncio.sleep(0.2)  # until the engine has heard of it
    for publishes in (True, False):
        heard.clear()
        lease = await held(store)
        heard.clear()
        if publishes:
            await store.publish(SLOT, "a", lease, b"one", 30.0)
        else:
            await store.release(SLOT, "a", lease)
        async with asyncio.timeout(5):
            await heard.wait()
    unlisten()


async def test_who_listens_no_more_hears_nothing(store: Store) -> None:
    heard = asyncio.Event()
    unlisten = store.listen(SLOT, heard.set)
    staying = asyncio.Event()
    store.listen(SLOT, staying.set)
    unlisten()
    await asyncio.sleep(0.2)
    staying.clear()
    heard.clear()
    await store.publish(SLOT, "a", await held(store), b"one", 30.0)
    async with asyncio.timeout(5):
        await staying.wait()
    assert not heard.is_set()


async def test_an_entry_of_any_size_comes_back_as_it_went(store: Store, request: pytest.FixtureRequest) -> None:
    entry = bytes(range(256)) * 400
    await store.publish(SLOT, "a", await held(store), entry, 30.0)
    assert (await store.read(SLOT)).entry == entry
