"""A tunnel through the real process: what the log and the metrics tell of it, and what a drain does to it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from calling import get
from origin import Visit, serving
from playground import ENVIRON, GRANT, configuration
from rawcaller import calling
from stage import eventually
from staging import SidecarProcess
from wsframes import YES, shake

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    Start = Callable[[str], AbstractAsyncContextManager[SidecarProcess]]

CUT_AFTER = 1.5


def port(process: SidecarProcess) -> int:
    return int(process.listen.rpartition(":")[2])


async def talk(visit: Visit) -> None:
    """Answer logins; say yes to a handshake and then everything back."""
    asked = await visit.request()
    if asked.target.startswith(b"/api/v2/auth/"):
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(GRANT), GRANT)
        return
    await visit.send(YES if asked.get(b"Upgrade") else b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    while data := await visit.reader.read(65536):
        await visit.send(data)


@pytest.fixture
def start(tmp_path: Path) -> Start:
    @contextlib.asynccontextmanager
    async def started(upstream: str) -> AsyncIterator[SidecarProcess]:
        async with serving(talk) as origin:
            config = tmp_path / "sidecar.toml"
            drain = f"\n[drain]\nmax = {CUT_AFTER}\n"
            config.write_text(configuration(origin.url, upstream=upstream, more=drain))
            process = SidecarProcess(["run", "--config", str(config)], ENVIRON, tmp_path, 1)
            await asyncio.to_thread(lambda: process.start().listening())
            try:
                yield process
            finally:
                await asyncio.to_thread(process.end)
            assert process.process.returncode == 0

    return started


async def test_the_log_and_the_metrics_tell_of_a_tunnel_once_it_has_ended(start: Start) -> None:
    async with start('upgrade = ["websocket"]') as process:
        async with calling(port(process)) as caller:
            await caller.send(shake())
            assert (await caller.head()).startswith(b"HTTP/1.1 101 ")
            await caller.send(b"hello")
            assert await caller.reader.readexactly(5) == b"hello"
            shown = await asyncio.to_thread(process.status)
            assert (shown["requests"]["in_flight"], process.lines("request")) == (1, [])
        (line,) = await asyncio.to_thread(process.requests)
        told = {name: line[name] for name in ("method", "path", "status", "received", "sent", "outcome")}
        assert told == {
            "method": "GET",
            "path": "/ws",
            "status": 101,
            "received": 5,
            "sent": 5,
            "outcome": "complete",
        }
        metrics = (await asyncio.to_thread(get, f"{process.admin}/metrics")).body.decode()
        assert 'finhub_sidecar_requests_total{method="GET",' in metrics
        assert 'status="1xx"' in metrics


async def test_a_drain_lets_a_tunnel_go_on_until_it_is_cut(start: Start) -> None:
    async with (
        start('upgrade = ["websocket"]') as process,
        calling(port(process)) as caller,
    ):
        await caller.send(shake())
        await caller.head()
        began = asyncio.get_running_loop().time()
        process.process.terminate()
        await eventually(lambda: bool(process.lines("draining")))
        await caller.send(b"still here?")
        assert await caller.reader.readexactly(11) == b"still here?"
        assert (await caller.rest()).raw == b""
        assert CUT_AFTER - 0.1 < asyncio.get_running_loop().time() - began < CUT_AFTER + 5
        await asyncio.to_thread(process.process.wait, 10)
        (stopped,) = process.lines("stopped")
        (line,) = process.lines("request")
        assert (stopped["cut"], line["outcome"], line["sent"]) == (1, "aborted", 11)


async def test_without_the_key_a_handshake_opens_no_tunnel(start: Start) -> None:
    async with start("") as process, calling(port(process)) as caller:
        await caller.send(shake())
        assert (await caller.reply()).status == 200
