"""What signals mean: SIGTERM and SIGINT drain, a second one of them ends at once, SIGHUP reloads."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

from sidecar import events
from sidecar.errors import SidecarError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sidecar.app.sidecar import Sidecar
    from sidecar.events import Emit


@contextlib.contextmanager
def heeded(sidecar: Sidecar, emit: Emit) -> Iterator[None]:
    """Let signals steer `sidecar` until the block ends; then they mean what they meant before.

    Only signals count as a second word: Kubernetes sends SIGTERM in any case, after a preStop that said /-/quit.
    """
    loop, tasks, told = asyncio.get_running_loop(), set[asyncio.Task[None]](), list[str]()

    def end(name: str) -> None:
        if told:
            sidecar.hurry.set()
        told.append(name)
        sidecar.stop(name)

    def reload() -> None:
        tasks.add(task := loop.create_task(_reload(sidecar, emit)))
        task.add_done_callback(tasks.discard)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    loop.add_signal_handler(signal.SIGHUP, reload)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number.name)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


async def _reload(sidecar: Sidecar, emit: Emit) -> None:
    try:
        await sidecar.reload()
    except SidecarError:
        return  # told already
    except Exception as error:  # noqa: BLE001  # nobody waits for this task: the log is where a bug can be told
        emit(events.bug(error))
