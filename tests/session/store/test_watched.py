"""A bound on every call, one word when the engine is away, and one when it is back."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from fleetpods import until

from sidecar import events
from sidecar.session.store import watched
from sidecar.session.store.memory import MemoryStore
from sidecar.session.store.store import Away, Found, Garbled
from sidecar.session.store.watched import Watched

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Moody(MemoryStore):
    """An engine that can be away, silent, or full of garbage."""

    def __init__(self) -> None:
        super().__init__(lambda: 0.0)
        self.mood = ""
        self.calls = 0

    async def read(self, slot: str) -> Found:
        self.calls += 1
        if self.mood == "away":
            raise Away("gone")
        if self.mood == "garbled":
            raise Garbled("nonsense")
        if self.mood == "silent":
            await asyncio.Event().wait()
        return await super().read(slot)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "PATIENCE", 0.05)
    monkeypatch.setattr(watched, "AGAIN", 0.1)


@pytest.fixture
async def stage() -> AsyncIterator[tuple[Moody, Watched, list[events.Event]]]:
    engine = Moody()
    told: list[events.Event] = []
    async with Watched(engine, name="redis", tenant="t", emit=told.append, clock=lambda: 0.0) as store:
        yield engine, store, told


async def lost(store: Watched, times: int = 3) -> None:
    for _ in range(times):
        with pytest.raises(Away):
            await store.read("slot")


@pytest.mark.parametrize("mood", ["away", "silent"])
async def test_it_is_told_once_and_asked_no_more_until_it_is_tried_again(
    mood: str, stage: tuple[Moody, Watched, list[events.Event]]
) -> None:
    engine, store, told = stage
    engine.mood = mood
    await lost(store)
    assert (engine.calls, store.up, len(told)) == (2, False, 1)
    assert isinstance(told[0], events.StoreLost)


async def test_a_call_that_fails_once_is_made_again_and_nothing_is_told(
    stage: tuple[Moody, Watched, list[events.Event]],
) -> None:
    engine, store, told = stage
    engine.mood = "silent"
    reading = asyncio.create_task(store.read("slot"))
    await asyncio.sleep(0)
    engine.mood = ""
    assert await reading == Found()
    assert (engine.calls, told) == (2, [])


async def test_whoever_listens_hears_that_it_is_back(stage: tuple[Moody, Watched, list[events.Event]]) -> None:
    engine, store, told = stage
    heard = asyncio.Event()
    unlisten = store.listen("slot", heard.set)
    gone = asyncio.Event()
    store.listen("other", gone.set)()
    engine.mood = "away"
    await lost(store)
    await asyncio.sleep(0.25)
    assert not store.up
    engine.mood = ""
    async with asyncio.timeout(5):
        await heard.wait()
    assert (store.up, [type(event) for event in told]) == (True, [events.StoreLost, events.StoreBack])
    assert not gone.is_set()
    assert (await store.read("slot")) == Found()
    unlisten()


async def test_garbage_is_an_answer(stage: tuple[Moody, Watched, list[events.Event]]) -> None:
    engine, store, told = stage
    engine.mood = "garbled"
    with pytest.raises(Garbled):
        await store.read("slot")
    assert store.up
    engine.mood = "away"
    await lost(store)
    engine.mood = "garbled"
    await until(lambda: store.up)
    assert [type(event) for event in told] == [events.StoreLost, events.StoreBack]


async def test_it_passes_everything_on(stage: tuple[Moody, Watched, list[events.Event]]) -> None:
    _, store, _ = stage
    lease = (await store.take("slot", "a", 5.0)).lease
    assert await store.renew("slot", "a", lease, 5.0)
    assert await store.publish("slot", "a", lease, b"x", 5.0)
    lease = (await store.take("slot", "a", 5.0)).lease
    await store.release("slot", "a", lease)
    assert (await store.read("slot")).entry == b"x"


async def test_an_engine_that_will_not_close_is_left() -> None:
    class Sticky(Moody):
        async def __aexit__(self, *_: object) -> None:
            await asyncio.Event().wait()

    async with asyncio.timeout(5), Watched(Sticky(), name="x", tenant="", emit=lambda _: None, clock=lambda: 0.0):
        pass


async def test_it_tries_no_more_once_it_is_closed(stage: tuple[Moody, Watched, list[events.Event]]) -> None:
    engine, store, _ = stage
    engine.mood = "away"
    await lost(store)
    await store.__aexit__()
    calls = engine.calls
    await asyncio.sleep(0.25)
    assert engine.calls == calls
    with contextlib.suppress(Away):
        await store.read("slot")
