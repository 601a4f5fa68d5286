"""Opening the listeners: a TCP port, or a Unix socket for its owner alone or for whom the operator names."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sidecar.errors import ListenError
from sidecar.server.access import PRIVATE, Grant

if TYPE_CHECKING:
    from aiohttp import web

    from sidecar.config.addresses import Address
    from sidecar.server.access import Access

_OWNER_ONLY: Final = 0o177
"""The umask under which a Unix socket is made: whoever may open it acts with our session."""

_LAST_WORDS: Final = 0.5
"""Seconds that a cut request and the admin listener's last replies get."""

_BACKLOG: Final = 1024
"""Connections that the kernel holds for us while we are busy; it may hold fewer."""

_STEPS_OF_ACCEPTING: Final = 3
"""Turns of the event loop from a connection's arrival to its protocol's, and one to spare."""

_ANSWERS_WITHIN: Final = 1.0
"""Seconds in which whoever listens on a Unix socket lets us in; the kernel does it for a program that lives."""


@dataclass(frozen=True, slots=True)
class Door:
    """An open listener: where it is, as the configuration would write it, and who serves its connections."""

    address: str
    _listening: asyncio.Server
    _server: web.Server

    async def refuse(self) -> None:
        """Take no more connections; those that are open stay."""
        loop = asyncio.get_running_loop()
        for listening in self._listening.sockets:
            loop.remove_reader(listening.fileno())
        # A connection that was just accepted must find its listener open: asyncio would forget it, open and deaf.
        for _ in range(_STEPS_OF_ACCEPTING):
            await asyncio.sleep(0)
        self._listening.close()

    async def close(self) -> None:
        """Take no more connections and end all that are open."""
        await self.refuse()
        self._server.pre_shutdown()
        await self._server.shutdown(_LAST_WORDS)


async def listen(
    key: str, address: Address, server: web.Server, stack: contextlib.AsyncExitStack, access: Access = PRIVATE
) -> Door:
    """Open a listener, which `stack` closes; `access` is for a Unix socket.

    Raises:
        ListenError: it names `key` and address, or what of `access` cannot be given; then no socket is left behind.
    """
    try:
        listening = await _open(server, address, stack, access)
    except OSError as error:
        raise ListenError(f"{key} {address}: {_why(error)}") from None
    door = Door(_bound(listening, address), listening, server)
    stack.push_async_callback(door.close)
    return door


def _why(error: OSError) -> str:
    """Return the reason without the address, which asyncio repeats in its own words; a resolver's has its own codes."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror or error)


async def _open(
    server: web.Server, address: Address, stack: contextlib.AsyncExitStack, access: Access
) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    if address.kind == "tcp":
        return await loop.create_server(server, address.host, address.port, backlog=_BACKLOG)
    path = Path(address.path)
    grant = await asyncio.to_thread(Grant.of, access)
    await asyncio.to_thread(_clear_stale_socket, address)
    before = os.umask(_OWNER_ONLY)
    try:
        listening = await loop.create_unix_server(server, path, backlog=_BACKLOG)
    finally:
        os.umask(before)
    made = await asyncio.to_thread(path.lstat)
    stack.push_async_callback(asyncio.to_thread, _take_away, path, made)
    stack.callback(listening.close)
    await asyncio.to_thread(grant.give, path, made)
    return listening


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


def _bound(listening: asyncio.Server, address: Address) -> str:
    """Return the address with the port that was really bound."""
    if address.kind == "unix":
        return str(address)
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{listening.sockets[0].getsockname()[1]}"
