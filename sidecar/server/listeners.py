"""Opening the listeners: a TCP port, or a Unix socket for its owner alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import web

from sidecar.errors import ListenError

if TYPE_CHECKING:
    from sidecar.config.addresses import Address

_OWNER_ONLY: Final = 0o177
"""The umask under which a Unix socket is made: whoever may open it acts with our session."""

_LAST_WORDS: Final = 0.5
"""Seconds that a cut request and the admin listener's last replies get."""

_ANSWERS_WITHIN: Final = 1.0
"""Seconds in which whoever listens on a Unix socket lets us in; the kernel does it for a program that lives."""


async def listen(
    key: str, address: Address, server: web.Server, stack: contextlib.AsyncExitStack
) -> tuple[str, web.ServerRunner]:
    """Open a listener, which `stack` closes; return the bound address as the configuration would write it, and it."""
    runner = web.ServerRunner(server, shutdown_timeout=_LAST_WORDS)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await _open(runner, address, stack)
    except OSError as error:
        raise ListenError(f"{key} {address}: {_why(error)}") from None
    return _bound(runner, address), runner


def _why(error: OSError) -> str:
    """Return the reason without the address, which asyncio repeats in its own words; a resolver's has its own codes."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror or error)


async def _open(runner: web.ServerRunner, address: Address, stack: contextlib.AsyncExitStack) -> None:
    if address.kind == "tcp":
        await web.TCPSite(runner, address.host, address.port).start()
        return
    await asyncio.to_thread(_clear_stale_socket, address)
    before = os.umask(_OWNER_ONLY)
    try:
        await web.UnixSite(runner, address.path).start()
    finally:
        os.umask(before)
    path = Path(address.path)
    made = await asyncio.to_thread(path.stat)
    stack.push_async_callback(asyncio.to_thread, _take_away, path, made)


def _clear_stale_socket(address: Address) -> None:
    """Remove what a killed process left behind; leave everything else, for the listener to stumble over."""
    path = Path(address.path)
    if not path.exists() or not stat.S_ISSOCK(path.stat().st_mode):
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_ANSWERS_WITHIN)
        try:
            probe.connect(address.path)
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except TimeoutError:
            pass  # somebody has it, and is busy
    raise ListenError(f"{address}: another program listens there")


def _take_away(path: Path, made: os.stat_result) -> None:
    """Remove our socket, unless another program's has taken its place."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(path.stat(), made):
            path.unlink()


def _bound(runner: web.ServerRunner, address: Address) -> str:
    """Return the address with the port that was really bound."""
    if address.kind == "unix":
        return str(address)
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{runner.addresses[0][1]}"
