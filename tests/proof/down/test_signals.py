"""Signals under load: what had been accepted is finished, and nothing that was not is begun.

*Accepted* is a request that a caller had sent whole before the signal, or of which FinHub has seen anything, or of
whose reply a byte has come. Any other may find its connection refused, or closed without a byte of a reply: nothing
has happened, and it may be sent elsewhere.
"""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING

import pytest
from calling import get
from mutual import soon
from steadycaller import CUT, WHOLE, SteadyCallers, Try

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from typing import Any

    Start = Callable[..., AbstractAsyncContextManager[Any]]

BODY = b"x" * 3000
LOADED = 1.0  # seconds of load before the signal
AT_ONCE = 2.0  # seconds in which a process that was told twice is gone


def connecting(address: str) -> Callable[[], Any]:
    if address.startswith("unix:"):
        return lambda: asyncio.open_unix_connection(address.removeprefix("unix:"))
    host, _, port = address.rpartition(":")
    return lambda: asyncio.open_connection(host, int(port))


async def ended(process: Any, within: float = 30) -> int:
    """Wait for the process without stopping the event loop; return its exit status."""
    return int(await asyncio.to_thread(process.process.wait, within))


async def under_load(house: Any, process: Any, number: int) -> tuple[list[Try], float, int]:
    """Send the signal under load; return all requests, when the signal was sent, and the exit status."""
    callers = SteadyCallers(connecting(process.listen), pause=0.01)
    load = asyncio.create_task(callers.run(kept=15, fresh=10))
    await asyncio.sleep(LOADED)
    signalled = time.monotonic()
    process.process.send_signal(number)
    code = await ended(process)
    await asyncio.wait_for(load, 10)
    return callers.tries, signalled, code


def accepted(tries: list[Try], signalled: float, seen: set[int]) -> list[Try]:
    return [each for each in tries if each.sent_at < signalled or each.number in seen or each.outcome in {WHOLE, CUT}]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("kind", ["tcp", "unix"])
@pytest.mark.parametrize("drain_min", [0.0, 0.5])
async def test_what_was_accepted_is_finished(number: int, kind: str, drain_min: float, house: Start) -> None:
    async with house() as finhub:
        listen = "127.0.0.1:0" if kind == "tcp" else f"unix:{finhub.folder}/s.sock"
        process = finhub.start(listen=listen, drain_min=drain_min).listening()
        tries, signalled, code = await under_load(finhub, process, number)
        kept = accepted(tries, signalled, finhub.numbers)
        lost = [each for each in kept if (each.outcome, each.status) != (WHOLE, 200)]
    assert code == 0
    assert lost == [], [(each.number in finhub.numbers, (each.sent_at - signalled) * 1000) for each in lost]
    assert len(kept) > 50


ASK = b"GET /api/x HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def asked_while_frozen(process: Any, number: int) -> list[bytes | BaseException]:
    """Stop the process, let callers ask over idle and over new connections, then signal it; return their replies."""
    idle = [await connecting(process.listen)() for _ in range(10)]
    for reader, writer in idle:
        writer.write(ASK)
        await reader.readuntil(BODY)
    process.process.send_signal(signal.SIGSTOP)
    new = [await connecting(process.listen)() for _ in range(10)]
    for _, writer in (*idle, *new):
        writer.write(ASK)
        await writer.drain()
    process.process.send_signal(number)
    process.process.send_signal(signal.SIGCONT)
    replies = await asyncio.gather(*(reader.read() for reader, _ in (*idle, *new)), return_exceptions=True)
    for _, writer in (*idle, *new):
        writer.transport.abort()
    return replies


@pytest.mark.parametrize("kind", ["tcp", "unix"])
async def test_what_lay_in_the_kernel_when_the_signal_came_is_answered(kind: str, house: Start) -> None:
    async with house() as finhub:
        listen = "127.0.0.1:0" if kind == "tcp" else f"unix:{finhub.folder}/s.sock"
        process = finhub.start(listen=listen).listening()
        replies = await asked_while_frozen(process, signal.SIGTERM)
        assert await ended(process) == 0
    answered = [isinstance(reply, bytes) and reply.endswith(BODY) for reply in replies]
    assert answered == [True] * 20, replies


# ── quick or patient ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_sidecar_ends_quickly(number: int, house: Start) -> None:
    async with house() as finhub:
        process = finhub.start().listening()
        began = time.monotonic()
        process.process.send_signal(number)
        assert await ended(process) == 0
        assert time.monotonic() - began < AT_ONCE


async def slow_request(finhub: Any, process: Any, seconds: float) -> asyncio.Task[bytes]:
    """Return the whole exchange of a caller whose request is at FinHub now and takes so long there."""

    async def ask() -> bytes:
        reader, writer = await connecting(process.listen)()
        writer.write(f"GET /slow/{seconds} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        try:
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()

    task = asyncio.create_task(ask())
    await soon(lambda: f"/slow/{seconds}".encode() in finhub.targets, "the request is at FinHub", within=10)
    return task


async def test_what_runs_is_finished_and_whoever_asks_is_told_unready(house: Start) -> None:
    async with house() as finhub:
        process = finhub.start().listening()
        slow = await slow_request(finhub, process, 2.5)
        process.process.send_signal(signal.SIGTERM)
        await soon(lambda: bool(process.lines("draining")), "the drain begins", within=5)
        assert get(f"{process.admin}/readyz").status == 503
        assert get(f"{process.admin}/livez").status == 200
        with pytest.raises(ConnectionRefusedError):
            await connecting(process.listen)()
        assert (await slow).endswith(BODY)
        assert await ended(process) == 0
        assert process.lines("stopped")[0]["cut"] == 0


async def test_what_takes_longer_than_drain_max_is_cut(house: Start) -> None:
    async with house() as finhub:
        process = finhub.start(drain_max=1).listening()
        slow = await slow_request(finhub, process, 20)
        began = time.monotonic()
        process.process.send_signal(signal.SIGTERM)
        assert await ended(process) == 0
        assert time.monotonic() - began < 1 + AT_ONCE
        assert await slow == b""
        assert process.lines("stopped")[0]["cut"] == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_it_now(number: int, house: Start) -> None:
    async with house() as finhub:
        process = finhub.start(drain_min=20).listening()
        slow = await slow_request(finhub, process, 20)
        process.process.send_signal(number)
        await soon(lambda: bool(process.lines("draining")), "the drain begins", within=5)
        await asyncio.sleep(0.5)
        assert process.process.poll() is None
        began = time.monotonic()
        process.process.send_signal(number)
        assert await ended(process) == 0
        assert time.monotonic() - began < AT_ONCE
        assert await slow == b""
