"""The memory that README says how to compute is enough, whatever callers do."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from stalling import MIB, stalled, upload

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from typing import Any

    Start = Callable[..., AbstractAsyncContextManager[Any]]

KIB = 1024
CONNECTIONS, UPSTREAM = 240, 40
LISTEN = f"max_connections = {CONNECTIONS}\nhead_timeout = 60"
README = Path(__file__).parents[3] / "README.md"


def ceiling(connections: int = CONNECTIONS) -> int:
    """Return README's sum for this configuration, in bytes; the other values are the defaults."""
    found = re.search(r"<!-- ceiling -->\n+```text\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert found is not None, "README.md says how the ceiling is computed"
    text = found[1].replace("\N{MULTIPLICATION SIGN}", "*")
    for key, value in {
        "replay.max_total": 64 * MIB,
        "listen.max_connections": connections,
        "listen.max_target": 16 * KIB,
        "listen.max_fields": 128 * KIB,
        "upstream.max_connections": UPSTREAM,
        "MiB": f"*{MIB}",
        "KiB": f"*{KIB}",
    }.items():
        text = text.replace(key, str(value))
    assert re.fullmatch(r"[\d\s*+()]+", text), text
    return int(eval(f"({text})"))  # noqa: S307  # digits and operators alone, as the line above saw


def half_a_head() -> bytes:
    return b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"".join(
        b"X-%d: %s\r\n" % (number, b"a" * 30_000) for number in range(4)
    )


@pytest.mark.parametrize(
    ("fields", "size"), [(4, 31_000), (250, 31_000), (250, 1)], ids=["heads", "endless heads", "many small fields"]
)
async def test_memory_stays_under_the_ceiling_whatever_is_pipelined(place: Start, fields: int, size: int) -> None:
    """Behind a large reply that is not read."""
    head = b"".join(b"X-%d: %s\r\n" % (number, b"a" * size) for number in range(fields))
    behind = b"GET /a HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n"
    large = b"GET /large/%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % (10 * MIB)
    async with (
        place(listen=f"max_connections = {UPSTREAM}", upstream=f"max_connections = {UPSTREAM}") as target,
        stalled(target, UPSTREAM - 2, large) as connections,
    ):
        await asyncio.sleep(1)
        for _, writer in connections:
            writer.write(behind * 30)
        worst = 0
        for _ in range(40):
            worst = max(worst, target.process.memory("VmRSS"))
            await asyncio.sleep(0.1)
    assert worst < ceiling(connections=UPSTREAM)


async def test_memory_stays_under_the_ceiling_while_every_connection_is_at_its_worst(place: Start) -> None:
    large = b"GET /large/%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % (10 * MIB)
    async with (
        place(listen=LISTEN, upstream=f"max_connections = {UPSTREAM}\nwait = 30") as target,
        stalled(target, 60, half_a_head()),
        stalled(target, 60, upload(60 * KIB)),
        stalled(target, 60, upload(MIB - 1)),
        stalled(target, 50, large),
    ):
        worst = 0
        for _ in range(60):
            worst = max(worst, target.process.memory("VmRSS"))
            await asyncio.sleep(0.1)
    assert worst < ceiling()


async def test_a_caller_beyond_the_last_connection_is_told_so_and_memory_does_not_care(place: Start) -> None:
    async with place(listen="max_connections = 20") as target, stalled(target, 20, b"GET"):
        before = target.process.memory("VmRSS")
        for _ in range(300):
            reader, writer = await target.connect()
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
            writer.close()
        assert target.process.memory("VmRSS") - before < 4 * MIB
