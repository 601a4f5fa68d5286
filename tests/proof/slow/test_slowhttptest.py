"""Four hundred half-open callers, as slowhttptest makes them: a good caller is served throughout."""

from __future__ import annotations

import asyncio
import re
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from typing import Any

    Start = Callable[..., AbstractAsyncContextManager[Any]]

SLOW = 400
HELD = 100  # upstream.max_connections, by default
SECONDS = 30
EVERY = 0.1  # seconds between two requests of the good caller
GIVE_WAY = 5.0  # seconds after which a request that waits for a connection to FinHub would be refused
LONGEST_WAIT = 2.0  # seconds that a good caller's request may take
PER_CONNECTION = 64 * 1024  # bytes that a half-open caller may cost, in its worst phase
BASE = 16 * 1024 * 1024  # bytes that everything else may grow by

READ = ["-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "3"]
MODES = {
    "headers": (["-H"], "/api/slow"),
    "body": (["-B", "-s", "8192"], "/api/slow"),
    "read": (READ, "/large/20000"),
}
PROGRAM = shutil.which("slowhttptest")
needs_slowhttptest = pytest.mark.skipif(PROGRAM is None, reason="slowhttptest is not installed")
_COUNT = re.compile(rb"(initializing|pending|connected|error|closed): *\x1b?\[?[0-9;]*m? *(\d+)")


async def attacked(port: int, mode: list[str], target: str, number: int = SLOW) -> list[dict[str, int]]:
    """Run slowhttptest to its end; return what it counted, every few seconds."""
    command = [*mode, "-c", str(number), "-r", "200", "-i", "5", "-x", "24", "-l", str(SECONDS), "-p", "3"]
    url = f"http://127.0.0.1:{port}{target}"
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM), *command, "-u", url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), SECONDS + 30)
    reports = output.split(b"slow HTTP test status on")[1:]
    return [{name.decode(): int(number) for name, number in _COUNT.findall(report)} for report in reports]


@needs_slowhttptest
async def test_a_good_caller_is_served_while_four_hundred_are_slow_in_each_way(place: Start) -> None:
    async with place(listen="max_connections = 2000") as target, target.good_caller() as good:
        await asyncio.sleep(1)
        before = max(target.memory)
        attacks = await asyncio.gather(*(attacked(target.port, *mode) for mode in MODES.values()))
        grown = max(target.memory) - before
    reports = dict(zip(MODES, attacks, strict=True))
    for counted in reports.values():
        assert max(report["connected"] for report in counted) > SLOW * 0.9, counted
    assert set(good.statuses) == {200}
    assert len(good.statuses) > SECONDS / EVERY * 0.9
    assert good.worst < LONGEST_WAIT
    assert grown < BASE + len(MODES) * SLOW * PER_CONNECTION
    ended = [line for line in target.process.lines("request") if line["status"] == 408 and "method" not in line]
    assert len(ended) == SLOW, "listen.head_timeout ends the heads"


@needs_slowhttptest
async def test_a_good_caller_is_served_while_slow_readers_hold_every_connection_to_finhub(place: Start) -> None:
    """Those that take nothing give way."""
    async with place() as target, target.good_caller() as good:
        await asyncio.sleep(1)
        await attacked(target.port, READ, "/large/1000000", number=HELD)
    assert set(good.statuses) == {200}
    assert good.worst < GIVE_WAY
