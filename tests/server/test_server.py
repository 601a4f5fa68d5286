from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from operating import Files, begun, operated, refused, until
from rawcaller import calling, request

from sidecar import events, server
from sidecar.config.caller_side import Listen
from sidecar.gateway.caller_limits import CallerLimits

if TYPE_CHECKING:
    from pathlib import Path

BALANCE = "/api/v2.1/wallets/w-1/balance"


async def test_what_runs_is_finished_while_new_connections_are_refused_and_the_operator_is_still_answered(
    files: Files,
) -> None:
    async with operated(files) as one:
        await one.logged_in()
        files.emulator.fault("api:delay=0.6,path=/api/echo")
        async with calling(one.port) as caller:
            await caller.send(request(b"POST", b"/api/echo", body=b"payment"))
            await begun(one)
            one.sidecar.stop("test")
            await until(lambda: one.sidecar.draining)
            heard = await one.control("GET", "/readyz")
            assert (heard.status, heard.body) == (503, b"draining\n")
            assert await refused(one.port)
            assert (await one.control("GET", "/status")).status == 200
            assert (await caller.reply()).status == 200
        await one.done
        assert one.told[-1] == events.Stopped(cut=0)
        assert [event.in_flight for event in one.events(events.Draining)] == [1]
        assert files.emulator.counts.api == 1


async def test_connections_that_only_wait_are_closed(files: Files) -> None:
    async with operated(files) as one, calling(one.port) as idle:
        await one.logged_in()
        await idle.send(request(b"GET", BALANCE.encode()))
        assert (await idle.reply()).status == 200
        one.sidecar.stop("test")
        assert (await idle.rest()).raw == b""
        async with asyncio.timeout(2):
            await one.done
        assert one.told[-1] == events.Stopped(cut=0)


async def test_an_upload_that_is_under_way_gets_to_its_end(files: Files) -> None:
    half = bytes(150_000)
    async with operated(files) as one:
        await one.logged_in()
        async with calling(one.port) as caller:
            head = b"POST /api/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n"
            await caller.send(head + half)
            await begun(one)
            one.sidecar.stop("test")
            await until(lambda: one.sidecar.draining)
            assert await refused(one.port)
            await caller.send(half)
            assert (await caller.reply()).status == 200
        await one.done
        assert one.told[-1] == events.Stopped(cut=0)
        assert files.emulator.seen[-1].body_length == 300_000


async def test_a_connection_that_only_waits_is_closed_though_another_one_is_busy(files: Files) -> None:
    async with operated(files) as one, calling(one.port) as idle, calling(one.port) as busy:
        await one.logged_in()
        await idle.send(request(b"GET", BALANCE.encode()))
        assert (await idle.reply()).status == 200
        files.emulator.fault("api:delay=0.6")
        await busy.send(request(b"GET", BALANCE.encode()))
        await begun(one)
        one.sidecar.stop("test")
        assert (await idle.rest()).raw == b""
        assert one.sidecar.gateway.traffic.in_flight == 1
        assert (await busy.reply()).status == 200


async def test_a_request_that_begins_while_it_drains_is_the_last_of_its_connection(files: Files) -> None:
    files.add("drain", "min = 0.7")
    async with operated(files) as one, calling(one.port) as caller:
        await one.logged_in()
        await caller.send(request(b"GET", BALANCE.encode()))
        assert (await caller.reply()).get(b"Connection") == []
        one.sidecar.stop("test")
        await until(lambda: one.sidecar.draining)
        await caller.send(request(b"GET", BALANCE.encode()))
        heard = await caller.rest()
        assert (heard.status, heard.get(b"Connection")) == (200, [b"close"])


async def test_in_the_first_seconds_new_connections_are_still_taken(files: Files) -> None:
    files.add("drain", "min = 0.7")
    async with operated(files) as one:
        await one.logged_in()
        one.sidecar.stop("test")
        await until(lambda: one.sidecar.draining)
        assert (await one.control("GET", "/readyz")).status == 503
        assert (await one.call("GET", BALANCE)).status == 200
        port = one.port
        await one.done
        assert await refused(port)


async def test_what_takes_too_long_is_cut_and_counted(files: Files) -> None:
    files.add("drain", "max = 0.2")
    async with operated(files) as one:
        await one.logged_in()
        files.emulator.fault("api:delay=60")
        async with calling(one.port) as first, calling(one.port) as second:
            for caller in (first, second):
                await caller.send(request(b"GET", BALANCE.encode()))
            await begun(one, 2)
            one.sidecar.stop("test")
            assert [(await caller.rest()).status_lines for caller in (first, second)] == [0, 0]
        await one.done
        assert one.told[-1] == events.Stopped(cut=2)


# ── the parser ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_the_strict_parser_it_does_not_start(tmp_path: Path) -> None:
    program = f"""
import asyncio, pathlib
from operating import finhub, operated
async def main():
    async with finhub(pathlib.Path({str(tmp_path)!r})) as files, operated(files):
        print("it listens")
asyncio.run(main())
"""
    environ = {**os.environ, "AIOHTTP_NO_EXTENSIONS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False)
    assert "it listens" not in done.stdout
    assert "aiohttp runs without its C extensions" in done.stderr


async def test_the_bounds_of_the_configuration_are_those_of_the_listener(files: Files) -> None:
    for line in (
        "max_target = 100",
        "max_field = 200",
        "max_fields = 300",
        "head_timeout = 0.2",
        "body_timeout = 0.2",
        "max_connections = 2",
    ):
        files.add("listen", line)
    fields = [b"X-A: " + b"a" * 150] * 2
    asked = {
        request(b"GET", b"/" + b"a" * 101): 414,
        request(b"GET", b"/", b"X-A: " + b"a" * 201): 431,
        request(b"GET", b"/", b"Connection: close", *fields): 431,
        request(b"POST", b"/", b"Connection: close", b"Content-Length: 5"): 408,
        b"GET / HTTP/1.1\r\n": 408,
    }
    async with operated(files) as one:
        await one.logged_in()
        for raw, status in asked.items():
            async with calling(one.port) as caller:
                await caller.send(raw)
                assert (await caller.rest()).status == status, raw
            await until(lambda: one.sidecar.gateway.traffic.in_flight == 0)
        async with calling(one.port) as first, calling(one.port) as second, calling(one.port) as third:
            for caller in (first, second):
                await caller.send(request(b"GET", BALANCE.encode()))
                assert (await caller.reply()).status == 200
            await third.send(request(b"GET", BALANCE.encode()))
            assert (await third.rest()).status == 503
        status = one.sidecar.status()["requests"]
        assert (status["total"], status["refused"]) == (len(asked) + 3, len(asked) + 1)


async def test_one_request_too_many_is_429_by_the_configuration_also_after_a_reload(files: Files) -> None:
    files.add("listen", "max_requests = 1")
    async with operated(files) as one, calling(one.port) as busy, calling(one.port) as other:
        await one.logged_in()
        files.emulator.fault("api:delay=0.6")
        await busy.send(request(b"GET", BALANCE.encode()))
        await begun(one)
        await other.send(request(b"GET", BALANCE.encode()))
        heard = await other.reply()
        assert (heard.status, heard.get(b"Retry-After")) == (429, [b"1"])
        files.edit("max_requests = 1", "max_requests = 2")
        await one.sidecar.reload()
        await other.send(request(b"GET", BALANCE.encode()))
        assert (await other.reply()).status == 200
        assert (await busy.reply()).status == 200


def test_the_bounds_of_a_listener_without_a_word_about_them_are_the_configurations_defaults() -> None:
    assert server._limits(Listen()) == CallerLimits()  # noqa: SLF001  # two places name them
