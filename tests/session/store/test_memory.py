"""The engine in memory, where the clock can be moved; the contract is in test_store.py."""

from __future__ import annotations

from sidecar.session.store.memory import MemoryStore


async def test_leases_and_ages_are_counted_on_the_clock_it_was_given() -> None:
    now = [100.0]
    store = MemoryStore(lambda: now[0])
    lease = (await store.take("s", "a", 5.0)).lease
    now[0] = 104.0
    assert (await store.read("s")).held_for == 1.0
    await store.publish("s", "a", lease, b"x", 10.0)
    now[0] = 110.0
    assert (await store.read("s")).age == 6.0
    now[0] = 114.0
    assert (await store.read("s")).entry == b""
