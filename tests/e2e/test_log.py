"""Lines about requests wait for each other; however the process ends, every request has exactly one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from calling import PATIENCE, until
from crowd import crowd
from staging import ANYWHERE, CODE

if TYPE_CHECKING:
    from staging import SidecarProcess, Stage

Lines = list[dict[str, Any]]


async def ask_on(sidecar: SidecarProcess, name: str, got: Counter[str]) -> None:
    """Ask for one path after another until the sidecar is gone, and note which were answered."""
    with contextlib.suppress(OSError):
        async with crowd(sidecar.url) as callers:
            for number in range(1_000_000):
                path = f"/api/v2.1/wallets/{name}-{number}/balance"
                got[path] += (await callers.get(path)).status == 200


def requests(sidecar: SidecarProcess) -> Lines:
    """Return the lines about requests, all of which must be whole."""
    return [json.loads(line) for line in sidecar.stdout.splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_ended_under_load_every_request_has_its_line(stage: Stage, number: signal.Signals) -> None:
    sidecar = stage.run(LOG__LEVEL="info")
    got: Counter[str] = Counter()
    async with asyncio.TaskGroup() as group:
        for name in "abcdefgh":
            group.create_task(ask_on(sidecar, name, got))
        await asyncio.sleep(0.5)
        sidecar.process.send_signal(number)
    assert await asyncio.to_thread(sidecar.process.wait, PATIENCE) == 0
    lines = requests(sidecar)
    told = Counter(line["path"] for line in lines)
    assert len(got) > 50
    assert set(told.values()) == {1}
    assert set(+got) <= set(told) <= set(got)
    assert len({line["request_id"] for line in lines}) == len(lines)
    assert Counter(line["path"] for line in lines if line["status"] == 200) == +got


async def test_told_twice_to_end_it_still_tells_of_the_requests_that_it_cuts(stage: Stage) -> None:
    sidecar = stage.run(LOG__LEVEL="info")
    async with crowd(sidecar.url) as callers:
        slow = [asyncio.create_task(callers.get(f"/api/slow?seconds=60&{number}")) for number in range(8)]
        running = lambda: sidecar.status()["requests"]["in_flight"] == 8  # noqa: E731  # it is asked for over and over
        await asyncio.to_thread(until, running, "eight requests run")
        for _ in range(2):
            sidecar.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.2)
        assert await asyncio.to_thread(sidecar.process.wait, PATIENCE) == 0
        await asyncio.gather(*slow, return_exceptions=True)
    lines = requests(sidecar)
    assert [line["path"] for line in lines] == ["/api/slow"] * 8
    assert {line["outcome"] for line in lines} <= {"aborted", "caller_left"}


# A program whose server tells of three requests and then ends in one way or another.
PROGRAM = """
import asyncio, os, sys
import sidecar.server
from sidecar.cli import main
from sidecar.gateway.record import Record

async def serve(sidecar, *_):
    for number in range({number}):
        sidecar.emit(Record(request_id=str(number), method="GET", path="/x", started_at=0.0).told(1.0))
    {end}

sidecar.server.serve = serve
sys.exit(main(["run", "--config", sys.argv[1]]))
"""


def program(stage: Stage, end: str, number: int = 3) -> subprocess.Popen[bytes]:
    environ = {**os.environ, **ANYWHERE, "PYTHONPATH": CODE}
    source = PROGRAM.format(end=end, number=number)
    command = [sys.executable, "-c", source, str(stage.finhub.config)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("return", 0),
        ("sys.exit(7)", 7),
        ("raise KeyboardInterrupt", 0),
        ("raise RuntimeError", 1),
        ("raise asyncio.CancelledError", 1),
        ("os.kill(os.getpid(), 2); await asyncio.sleep(60)", 0),
        ("os.kill(os.getpid(), 15); await asyncio.sleep(60)", 0),
    ],
)
def test_however_it_ends_what_waits_is_written(stage: Stage, end: str, code: int) -> None:
    process = program(stage, end)
    out, _ = process.communicate(timeout=PATIENCE)
    assert [json.loads(line)["request_id"] for line in out.splitlines()] == ["0", "1", "2"]
    assert process.returncode == code


def test_a_reader_that_is_slow_gets_every_line(stage: Stage) -> None:
    process = program(stage, "return", number=5000)
    assert process.stdout is not None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)  # the pipe is full, and nobody reads
    lines = process.communicate(timeout=PATIENCE)[0].splitlines()
    assert [json.loads(line)["request_id"] for line in lines] == [str(number) for number in range(5000)]
    assert process.returncode == 0
