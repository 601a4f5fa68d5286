from __future__ import annotations

import asyncio
import os
import signal

import pytest
from operating import Files, begun, operated, until
from rawcaller import calling, request

from sidecar import events

BALANCE = "/api/v2.1/wallets/w-1/balance"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_and_says_so(files: Files, number: signal.Signals) -> None:
    async with operated(files) as one:
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            await one.done
        assert [event.why for event in one.events(events.Draining)] == [number.name]
        assert isinstance(one.told[-1], events.Stopped)


async def test_a_second_signal_ends_it_now(files: Files) -> None:
    async with operated(files) as one:
        await one.logged_in()
        files.emulator.fault("api:delay=60")
        async with calling(one.port) as caller:
            await caller.send(request(b"GET", BALANCE.encode()))
            await begun(one)
            os.kill(os.getpid(), signal.SIGTERM)
            await until(lambda: one.sidecar.draining)
            os.kill(os.getpid(), signal.SIGINT)
            async with asyncio.timeout(3):
                await one.done
        assert one.told[-1] == events.Stopped(cut=1)


async def test_the_signal_that_follows_a_quit_is_not_a_second_one(files: Files) -> None:
    """Kubernetes runs preStop, here a /-/quit, and then sends SIGTERM in any case."""
    async with operated(files) as one:
        await one.logged_in()
        files.emulator.fault("api:delay=0.5")
        async with calling(one.port) as caller:
            await caller.send(request(b"GET", BALANCE.encode()))
            await begun(one)
            for _ in range(2):
                assert (await one.control("POST", "/-/quit")).status == 200
            os.kill(os.getpid(), signal.SIGTERM)
            assert (await caller.reply()).status == 200
        await one.done
        assert [event.why for event in one.events(events.Draining)] == ["/-/quit"]
        assert one.told[-1] == events.Stopped(cut=0)


async def test_sighup_reads_everything_again(files: Files) -> None:
    async with operated(files) as one:
        await one.logged_in()
        files.put("client.crt", "nothing")
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: bool(one.events(events.ReloadFailed)))
        files.put("client.crt", files.emulator.certificates.client_pem)
        files.add("listen", "max_body = 5")
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: bool(one.events(events.Reloaded)))
        assert one.events(events.Reloaded) == [events.Reloaded(what=("listen.max_body",))]


async def test_afterwards_signals_mean_what_they_meant_before(files: Files) -> None:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    async with operated(files):
        assert [signal.getsignal(number) for number in numbers] != before
    assert [signal.getsignal(number) for number in numbers] == before
