"""`kill -9` at any moment leaves nothing behind that the next start trips over."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
from typing import TYPE_CHECKING

import pytest
from mutual import soon
from steadycaller import WHOLE, SteadyCallers

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from typing import Any

    Start = Callable[..., AbstractAsyncContextManager[Any]]

KILLS = 6
LATEST = 0.6  # seconds: after the start for every other kill, after the listeners are open for the others


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def connecting(listen: str) -> Callable[[], Any]:
    if listen.startswith("unix:"):
        return lambda: asyncio.open_unix_connection(listen.removeprefix("unix:"))
    return lambda: asyncio.open_connection("127.0.0.1", int(listen.rpartition(":")[2]))


async def load_while_it_lives(listen: str, process: Any) -> list[Any]:
    """Keep asking until the process is gone; return what became of the requests."""
    callers = SteadyCallers(connecting(listen), pause=0.01)
    while process.process.poll() is None:
        await callers.run(kept=5, fresh=5)
        await asyncio.sleep(0.02)
    return callers.tries


@pytest.mark.parametrize("kind", ["tcp", "unix"])
async def test_killed_at_any_moment_it_starts_again_at_the_same_addresses(kind: str, house: Start) -> None:
    moments = random.Random(7)  # noqa: S311  # the same moments in every run
    async with house() as finhub:
        listen = f"127.0.0.1:{free_port()}" if kind == "tcp" else f"unix:{finhub.folder}/s.sock"
        admin, tries = free_port(), []
        for number in range(KILLS):
            process = finhub.start(listen=listen, admin=admin)
            load = asyncio.create_task(load_while_it_lives(listen, process))
            if number % 2:
                await soon(lambda process=process: bool(process.lines("listening")), "it listens", within=20)
            await asyncio.sleep(moments.uniform(0.05, LATEST))
            assert process.process.poll() is None, process.stderr
            process.process.kill()
            tries += await load
        process = finhub.start(listen=listen, admin=admin).listening()
        callers = SteadyCallers(connecting(listen), pause=0.01)
        load = asyncio.create_task(callers.run(kept=5, fresh=5))
        await asyncio.sleep(1)
        process.process.send_signal(signal.SIGTERM)
        await load
        assert await asyncio.to_thread(process.process.wait, 30) == 0
        assert list(finhub.temporary.iterdir()) == []
    assert sum(each.outcome == WHOLE for each in tries) > 50, "the kills must have come under load"
    assert sum(each.outcome == WHOLE for each in callers.tries) > 50
    assert {each.status for each in callers.tries if each.outcome == WHOLE} == {200}
