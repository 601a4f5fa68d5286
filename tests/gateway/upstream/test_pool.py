from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from typing import TYPE_CHECKING

import pytest
from asking import Asking, asking
from origin import OK, Visit, replying
from stage import eventually
from tlsserver import server_context

from sidecar import errors
from sidecar.tls.context import client_context
from sidecar.wire.tls import Tls

if TYPE_CHECKING:
    import trustme
    from conftest import Ends
    from origin import Script


class Clock:
    """A clock that stands still unless a test moves it."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def keeping(*fields: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + b"".join(field + b"\r\n" for field in fields) + b"\r\nok"


# ── how long a connection rests ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "idle", "opened"),
    [
        ((b"Keep-Alive: timeout=5",), 4.0, 1),
        ((b"Keep-Alive: timeout=5",), 4.1, 2),
        ((b"keep-alive: max=7, TIMEOUT=5",), 4.1, 2),
        ((b"Keep-Alive: timeout=1",), 0.1, 2),
        ((b"Keep-Alive: timeout=0",), 0.1, 2),
        ((b"Keep-Alive: max=100",), 50.0, 1),
        ((), 50.0, 1),
        ((), 55.1, 2),
        ((b"Keep-Alive: timeout=500",), 55.1, 2),
    ],
)
async def test_a_connection_is_not_used_once_it_rested_nearly_as_long_as_finhub_keeps_it(
    fields: tuple[bytes, ...], idle: float, opened: int
) -> None:
    clock = Clock()
    async with asking(replying(keeping(*fields)), clock=clock) as stage:
        for _ in range(2):
            await stage.ask("POST")
            clock.now += idle
        assert stage.origin.connections == opened


@pytest.mark.parametrize(("rest", "sleep", "opened"), [(30.0, 20.0, 2), (30.0, 0.5, 1), (0.5, 20.0, 1), (30.0, 0.0, 1)])
async def test_after_a_sleep_no_connection_is_used_that_rested_before_it_however_short_it_was(
    rest: float, sleep: float, opened: int
) -> None:
    """The machine may be in another network by now: a payment on the old connection would wait for its time-out."""
    clock, sleeper = Clock(), Clock()
    async with asking(replying(OK), clock=clock, slept=sleeper) as stage:
        await asyncio.gather(stage.ask("POST"), stage.ask("POST"))
        before = stage.origin.connections
        clock.now += rest
        sleeper.now += sleep
        for _ in range(2):
            await stage.ask("POST")
        assert stage.origin.connections == before + opened - 1
        if opened > 1:
            await eventually(lambda: stage.origin.open == 1)


async def test_nothing_is_sent_to_a_server_that_forgot_the_connection_as_it_said_it_would() -> None:
    """The server closes nothing: a request on the old connection would be swallowed, as by a firewall in between."""
    clock, swallowed = Clock(), list[bytes]()

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(keeping(b"Keep-Alive: timeout=5"))
        swallowed.append(await visit.reader.read())

    async with asking(script, clock=clock) as stage:
        for _ in range(3):
            assert await stage.ask("POST") == b"ok"
            clock.now += 4.5
        assert len(stage.origin.requests) == 3
    assert b"".join(swallowed) == b""


async def test_the_rest_is_counted_from_the_end_of_the_reply_and_by_what_was_told_last() -> None:
    clock, half = Clock(), asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(keeping(b"Keep-Alive: timeout=5")[:-1])
        await half.wait()
        await visit.send(b"k")
        for reply in (OK, keeping(b"Keep-Alive: timeout=20"), OK):
            await visit.request()
            await visit.send(reply)

    async with asking(script, clock=clock) as stage:
        async with await stage.send() as reply:
            clock.now += 100.0
            half.set()
            assert b"".join([chunk async for chunk in reply.chunks()]) == b"ok"
        for idle in (3.0, 3.0, 15.0):
            clock.now += idle
            assert await stage.ask() == b"ok"
        assert stage.origin.connections == 1, "the third reply allowed more"


async def test_a_connection_that_rested_its_time_is_ended_and_not_only_passed_over() -> None:
    async with asking(replying(keeping(b"Keep-Alive: timeout=1"))) as stage:
        await stage.ask()
        await eventually(lambda: stage.origin.open == 0)
        assert stage.origin.connections == 1


# ── which one is taken ──────────────────────────────────────────────────────────────────────────────────────────


async def crowd(stage: Asking, number: int, gate: asyncio.Event) -> None:
    await asyncio.gather(*(stage.ask("GET", f"/{each}") for each in range(number)), opened(gate))


async def opened(gate: asyncio.Event) -> None:
    await asyncio.sleep(0.05)
    gate.set()


async def test_the_connection_that_was_used_last_is_used_first() -> None:
    gate = asyncio.Event()

    async def script(visit: Visit) -> None:
        while True:
            asked = await visit.request()
            if len(asked.target) < 3:
                await gate.wait()
                await asyncio.sleep(0.01 * int(asked.target[1:]))
            await visit.send(OK)

    async with asking(script) as stage:
        await crowd(stage, 3, gate)
        last = next(asked.connection for asked in stage.origin.requests if asked.target == b"/2")
        for _ in range(5):
            await stage.ask("GET", "/again")
        again = {asked.connection for asked in stage.origin.requests if asked.target == b"/again"}
        assert (again, stage.origin.connections) == ({last}, 3)


async def test_never_more_connections_are_open_than_there_may_be() -> None:
    async def script(visit: Visit) -> None:
        for _ in range(3):
            await visit.request()
            assert visit.origin.open <= 4
            await visit.send(OK)

    async with asking(script, connections=4, wait=5.0) as stage:
        for _ in range(5):
            await asyncio.gather(*(stage.ask() for _ in range(20)))
        assert len(stage.origin.requests) >= 100


# ── another TLS ─────────────────────────────────────────────────────────────────────────────────────────────────


def once(*gates: asyncio.Event) -> Script:
    async def script(visit: Visit) -> None:
        while True:
            asked = await visit.request()
            if asked.target == b"/slow":
                await gates[0].wait()
            await visit.send(OK)

    return script


async def test_another_tls_ends_what_is_at_rest_and_what_is_in_use_when_it_comes_to_rest(ends: Ends) -> None:
    used, later = ends.clients
    gate = asyncio.Event()
    async with asking(once(gate), tls=lambda: used, server=ends.server) as stage:
        slow = asyncio.create_task(stage.ask("GET", "/slow"))
        await eventually(lambda: len(stage.origin.requests) == 1)
        await stage.ask()
        assert stage.origin.open == 2
        used = later
        await stage.ask()
        await eventually(lambda: stage.origin.open == 2)
        gate.set()
        assert await slow == b"ok"
        await eventually(lambda: stage.origin.open == 1)
        await stage.ask()
        assert stage.origin.connections == 3


async def test_at_the_end_all_connections_are_ended_those_in_use_too() -> None:
    gate = asyncio.Event()
    async with asking(once(gate)) as stage:
        busy = asyncio.create_task(stage.ask("GET", "/slow"))
        await eventually(lambda: len(stage.origin.requests) == 1)
        await stage.ask()
        await stage.upstream._pool.close()  # noqa: SLF001  # what the end of the context does
        assert stage.upstream._pool._open == set()  # noqa: SLF001  # as above
        with pytest.raises(errors.ConnectionTerminated):
            await busy


# ── what is told of them ────────────────────────────────────────────────────────────────────────────────────────


async def test_connections_at_rest_are_counted_and_those_in_use_are_not() -> None:
    may_end = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK[:-1])
        await may_end.wait()
        await visit.send(OK[-1:])
        await visit.reader.read()

    async with asking(script) as stage:
        upstream = stage.upstream
        assert (upstream.busy, upstream.idle) == (0, 0)
        reply = await stage.send("POST")
        assert (upstream.busy, upstream.idle) == (1, 0)
        may_end.set()
        async with reply:
            await reply.discard()
        assert (upstream.busy, upstream.idle) == (0, 1)


async def test_over_plain_http_no_certificate_is_known() -> None:
    async with asking(replying(OK)) as stage:
        await stage.ask("POST")
        assert stage.upstream.certificate_expires is None


async def test_it_is_told_until_when_the_certificate_holds_that_was_presented(authority: trustme.CA) -> None:
    ends = dt.datetime(2039, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
    server = server_context(authority.issue_cert("localhost", not_after=ends), ssl.TLSVersion.TLSv1_3)
    trust = bytes(authority.cert_pem.bytes())
    tls = Tls(await asyncio.to_thread(client_context, None, trust), presented=False)
    async with asking(replying(OK), tls=lambda: tls, server=server) as stage:
        assert stage.upstream.certificate_expires is None
        await stage.ask("POST")
        assert stage.upstream.certificate_expires == ends.timestamp()
