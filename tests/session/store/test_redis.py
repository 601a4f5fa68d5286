"""A real Redis: garbage in it, broken connections, a server that dies or hangs; the contract is in test_store.py."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import redisserver
from fleetpods import until
from redisserver import redis_door
from relay import Kind, Relay, Strike, Way

from sidecar.session.store.store import Away, Garbled
from sidecar.session.store.watched import Watched

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from redisserver import RedisServer

    from sidecar.session.store.redis import RedisStore

SLOT = "c0ffee"
NAME = f"test:{SLOT}"


@pytest.fixture
def server(redis: RedisServer) -> RedisServer:
    redis.ask("FLUSHALL")
    return redis


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that a test may ill-treat."""
    if redisserver.PROGRAM is None:
        pytest.skip(redisserver.MISSING)
    with redisserver.redis_server(tmp_path) as server:
        yield server


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[RedisStore]:
    async with redis_door(server.port) as store:
        yield store


# ── what is in it ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_slot_is_one_hash_that_goes_when_it_is_of_no_more_use(store: RedisStore, server: RedisServer) -> None:
    lease = (await store.take(SLOT, "a", 20.0)).lease
    assert 19_000 < int(server.ask("PTTL", NAME)[1:]) <= 20_000
    await store.publish(SLOT, "a", lease, b"x", 100.0)
    assert 99_000 < int(server.ask("PTTL", NAME)[1:]) <= 100_000
    assert server.ask("DBSIZE") == b":1\r\n"


@pytest.mark.parametrize("member", ["fence", "held_until", "entry_fence", "at", "until"])
@pytest.mark.parametrize("value", ["garbage", "-1", "nan", "inf", "1e300"])
async def test_garbage_in_a_lease_or_a_fence_is_told_and_left(
    member: str, value: str, store: RedisStore, server: RedisServer
) -> None:
    server.ask("HSET", NAME, member, value)
    for call in (store.read(SLOT), store.take(SLOT, "a", 5.0), store.publish(SLOT, "a", 7, b"x", 5.0)):
        with pytest.raises(Garbled):
            await call
    assert value.encode() in server.ask("HGETALL", NAME)


async def test_a_key_of_another_kind_is_left_as_it_is(store: RedisStore, server: RedisServer) -> None:
    server.ask("SET", NAME, "somebody's")
    with pytest.raises(Garbled):
        await store.read(SLOT)
    assert b"somebody's" in server.ask("GET", NAME)


async def test_fences_grow_over_the_loss_of_all_data(store: RedisStore, server: RedisServer) -> None:
    first = (await store.take(SLOT, "a", 5.0)).lease
    server.ask("FLUSHALL")
    await asyncio.sleep(0.01)
    assert (await store.take(SLOT, "b", 5.0)).lease > first


async def test_what_is_told_of_a_change_says_nothing(store: RedisStore, server: RedisServer) -> None:
    heard = asyncio.Event()
    store.listen(SLOT, heard.set)
    await until(lambda: NAME.encode() in server.ask("PUBSUB", "CHANNELS"))
    server.ask("PUBLISH", NAME, "")
    async with asyncio.timeout(5):
        await heard.wait()


# ── connections ─────────────────────────────────────────────────────────────────────────────────────────────────


async def contract_still_holds(store: RedisStore) -> None:
    lease = (await store.take(SLOT, "a", 5.0)).lease
    assert await store.publish(SLOT, "a", lease, b"still here", 5.0)
    assert (await store.read(SLOT)).entry == b"still here"


@pytest.mark.parametrize("kind", [Kind.RESET, Kind.CLOSE])
@pytest.mark.parametrize("way", [Way.UP, Way.DOWN])
@pytest.mark.parametrize("after", [0, 1, 40])
async def test_a_connection_that_breaks_at_any_byte_costs_nothing(
    kind: Kind, way: Way, after: int, server: RedisServer
) -> None:
    async with Relay(server.port) as relay, redis_door(relay.port) as store:
        lease = (await store.take(SLOT, "a", 5.0)).lease
        relay.arm(Strike(kind=kind, way=way, after=after))
        assert await store.publish(SLOT, "a", lease, b"x" * 100, 5.0)
        relay.disarm()
        assert (await store.read(SLOT)).entry == b"x" * 100
        await contract_still_holds(store)


async def test_a_reply_that_came_too_late_is_not_taken_for_the_next_ones(server: RedisServer) -> None:
    async with Relay(server.port) as relay:
        door = redis_door(relay.port)
        async with Watched(door, name="redis", tenant="", emit=lambda _: None, clock=lambda: 0.0) as store:
            await store.publish(SLOT, "a", 7, b"one", 50.0)
            relay.arm(Strike(kind=Kind.STALL, way=Way.DOWN, after=0, seconds=1.3))
            assert (await store.take("another", "a", 5.0)).lease  # when it was asked again, over another connection
            await asyncio.sleep(0.5)
            assert (await store.read(SLOT)).entry == b"one"


async def test_while_it_listens_a_broken_connection_is_made_again(server: RedisServer) -> None:
    async with Relay(server.port) as relay, redis_door(relay.port) as listening, redis_door(server.port) as other:
        heard = asyncio.Event()
        listening.listen(SLOT, heard.set)
        async with asyncio.timeout(5):
            await heard.wait()  # once it has subscribed
        heard.clear()
        relay.drop(reset=True)
        async with asyncio.timeout(5):
            await heard.wait()  # once it has subscribed again, since it may have missed something
        heard.clear()
        await other.publish(SLOT, "a", 7, b"x", 5.0)
        async with asyncio.timeout(5):
            await heard.wait()


async def test_a_connection_that_is_silent_though_it_is_asked_is_given_up(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.session.store.redis._QUIET", 0.1)
    monkeypatch.setattr("sidecar.session.store.redis._AGAIN", 0.01)
    async with Relay(server.port) as relay, redis_door(relay.port) as store:
        heard = []
        store.listen(SLOT, lambda: heard.append(1))
        await until(lambda: len(heard) == 1)
        await asyncio.sleep(0.5)
        assert len(heard) == 1  # quiet, and alive
        relay.arm(Strike(kind=Kind.STALL, way=Way.DOWN, after=0, seconds=60))
        await until(lambda: len(heard) == 2)


# ── the server ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_server_that_was_killed_is_away_and_one_that_is_there_again_is_used_at_once(own: RedisServer) -> None:
    async with redis_door(own.port) as store:
        await contract_still_holds(store)
        own.kill()
        with pytest.raises(Away):
            await store.read(SLOT)
        own.start()
        await contract_still_holds(store)


async def test_a_server_that_was_restarted_between_two_calls_costs_nothing(own: RedisServer) -> None:
    async with redis_door(own.port) as store:
        await contract_still_holds(store)
        own.kill()
        own.start()
        await contract_still_holds(store)


async def test_a_server_that_hangs_holds_up_nobody_for_long(own: RedisServer) -> None:
    async with Watched(redis_door(own.port), name="r", tenant="", emit=lambda _: None, clock=lambda: 0.0) as store:
        await store.read(SLOT)
        own.hang()
        async with asyncio.timeout(4):
            with pytest.raises(Away):
                await store.take(SLOT, "a", 5.0)
        own.go_on()


async def test_a_server_that_takes_no_writes_is_away(own: RedisServer) -> None:
    async with redis_door(own.port) as store:
        await store.read(SLOT)
        own.ask("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(Away):
            await store.take(SLOT, "a", 5.0)
        own.ask("CONFIG", "SET", "maxmemory", "0")
        await contract_still_holds(store)


async def test_more_calls_than_connections_wait_for_each_other(store: RedisStore, server: RedisServer) -> None:
    before = server.ask("CLIENT", "LIST").count(b" addr=")
    found = await asyncio.gather(*(store.take(f"{n}", "a", 5.0) for n in range(100)))
    assert all(each.lease for each in found)
    assert server.ask("CLIENT", "LIST").count(b" addr=") <= before + 8


async def test_something_else_that_answers_is_away() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server, redis_door(server.sockets[0].getsockname()[1]) as store:
        with pytest.raises(Away, match="does not answer as it should"):
            await store.read(SLOT)
