"""Listeners, signals and the way down: what makes an assembled sidecar a process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import web

from sidecar import __version__, events
from sidecar.admin import listener
from sidecar.errors import ListenError, SidecarError
from sidecar.gateway.caller import CallerServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sidecar.app.sidecar import Sidecar
    from sidecar.config.addresses import Address
    from sidecar.events import Emit

_OWNER_ONLY: Final = 0o177
"""The umask under which a Unix socket is made: whoever may open it acts with our session."""

_TICK: Final = 0.05
_LAST_WORDS: Final = 0.5
"""Seconds that a cut request and the admin listener's last replies get."""


async def serve(sidecar: Sidecar, emit: Emit) -> None:
    """Run `sidecar` until a signal or `/-/quit` ends it; drained and closed on return.

    Both listeners are open before the first login. Raises ListenError when an address cannot be listened on.
    """
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(sidecar)
        admin = web.AppRunner(listener.build(sidecar), access_log=None, shutdown_timeout=_LAST_WORDS)
        sidecar.admin = await _listen(admin, sidecar.config.admin.address, stack)
        callers = CallerServer(sidecar.gateway.handle)
        door = web.ServerRunner(callers, shutdown_timeout=_LAST_WORDS)
        sidecar.listen = await _listen(door, sidecar.config.listen.address, stack)
        with _signals(sidecar):
            sidecar.begin()
            emit(_listening(sidecar))
            await sidecar.quit.wait()
            await _drain(sidecar, callers, door, emit)


def _listening(sidecar: Sidecar) -> events.Listening:
    return events.Listening(
        listen=sidecar.listen, admin=sidecar.admin, environment=sidecar.config.environment, version=__version__
    )


# ── opening ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def _listen(runner: web.BaseRunner, address: Address, stack: contextlib.AsyncExitStack) -> str:
    """Open the listener, which `stack` closes; return the bound address as the configuration would write it."""
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await _open(runner, address)
    except OSError as error:
        raise ListenError(f"{address}: {os.strerror(error.errno or 0)}") from None
    return _bound(runner, address)


async def _open(runner: web.BaseRunner, address: Address) -> None:
    if address.kind == "tcp":
        await web.TCPSite(runner, address.host, address.port).start()
        return
    await asyncio.to_thread(_clear_stale_socket, address)
    before = os.umask(_OWNER_ONLY)
    try:
        await web.UnixSite(runner, address.path).start()
    finally:
        os.umask(before)


def _clear_stale_socket(address: Address) -> None:
    """Remove what a killed process left behind; raise ListenError when another one still listens there."""
    path = Path(address.path)
    if not path.exists() or not stat.S_ISSOCK(path.stat().st_mode):
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(address.path)
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise ListenError(f"{address}: another program listens there")


def _bound(runner: web.BaseRunner, address: Address) -> str:
    """Return the address with the port that was really bound."""
    if address.kind == "unix":
        return str(address)
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{runner.addresses[0][1]}"


# ── signals ─────────────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def _signals(sidecar: Sidecar) -> Iterator[None]:
    """SIGTERM and SIGINT drain, a second one ends at once, SIGHUP reloads."""
    loop, tasks = asyncio.get_running_loop(), set[asyncio.Task[None]]()

    def reload() -> None:
        task = loop.create_task(_reload(sidecar))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    handlers = {signal.SIGTERM: sidecar.stop, signal.SIGINT: sidecar.stop, signal.SIGHUP: reload}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


async def _reload(sidecar: Sidecar) -> None:
    with contextlib.suppress(SidecarError):  # the keeper has told it already
        await sidecar.reload()


# ── going down ──────────────────────────────────────────────────────────────────────────────────────────────────


async def _drain(sidecar: Sidecar, callers: CallerServer, door: web.ServerRunner, emit: Emit) -> None:
    """Unready at once, open for `drain.min` more seconds, then `drain.max` for what runs; the rest is cut."""
    limits, traffic = sidecar.config.drain, sidecar.gateway.traffic
    sidecar.draining = True
    emit(events.Draining(why=sidecar.why, in_flight=traffic.in_flight, limit=limits.max))
    await _pass(limits.min, sidecar.hurry)
    for site in list(door.sites):
        await site.stop()
    callers.pre_shutdown()
    left = limits.max
    while traffic.in_flight and left > 0 and not sidecar.hurry.is_set():
        await _pass(_TICK, sidecar.hurry)
        left -= _TICK
    cut = traffic.in_flight
    await door.cleanup()
    emit(events.Stopped(cut=cut))


async def _pass(seconds: float, hurry: asyncio.Event) -> None:
    """Let `seconds` pass, or fewer when somebody is in a hurry."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await hurry.wait()
