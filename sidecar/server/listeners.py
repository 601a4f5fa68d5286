"""Opening the listeners: a TCP port, or a Unix socket for its owner alone or for whom the operator names."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sidecar.errors import ListenError
from sidecar.server.access import PRIVATE, Grant
from sidecar.wire.lent import Lent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sidecar.config.addresses import Address
    from sidecar.gateway.caller_server import CallerServer
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
class Opened:
    """A listener for which nobody serves yet: who connects waits in the kernel's queue.

    `address` is where it is, as the configuration would write it.
    """

    address: str
    _sockets: tuple[socket.socket, ...]
    _made: tuple[Path, os.stat_result] | None = None

    async def serve(self, server: CallerServer) -> Door:
        """Hand every connection to `server`; the sockets are the door's from now on."""
        parts = [await _server(plug, server) for plug in self._sockets]
        return Door(self.address, tuple(parts), self._sockets, server)

    def close(self) -> None:
        """Take no more connections, and leave no Unix socket behind; blocking."""
        for plug in self._sockets:
            plug.close()
        if self._made is not None:
            _take_away(*self._made)


@dataclass(frozen=True, slots=True)
class Door:
    """An open listener: where it is, as the configuration would write it, and who serves its connections."""

    address: str
    _parts: tuple[asyncio.Server, ...]
    _sockets: tuple[socket.socket, ...]
    _server: CallerServer

    async def refuse(self) -> None:
        """Take those connections that wait in the kernel, and then no more; those that are open stay."""
        loop = asyncio.get_running_loop()
        for part in self._parts:
            for listening in part.sockets:
                loop.remove_reader(listening.fileno())  # uvloop has none there, and accepts on
        # A connection that was just accepted must find its listener open: asyncio would forget it, open and deaf.
        for _ in range(_STEPS_OF_ACCEPTING):
            await asyncio.sleep(0)
        # In one step, so that nobody connects in between; uvloop itself accepts one connection in each turn.
        waiting = [one for plug in self._sockets for one in _accepted(plug)]
        for part in self._parts:
            part.close()
        for one in waiting:
            await loop.connect_accepted_socket(self._server, one)

    async def close(self) -> None:
        """Take no more connections and end all that are open."""
        await self.refuse()
        await self._server.shutdown(_LAST_WORDS)


def open_listener(key: str, address: Address, access: Access = PRIVATE) -> Opened:
    """Open a listener, blocking; `access` is for a Unix socket.

    Raises:
        ListenError: it names `key` and address, or what of `access` cannot be given; then no socket is left behind.
    """
    try:
        return _over_tcp(address) if address.kind == "tcp" else _over_unix(address, access)
    except OSError as error:
        raise ListenError(f"{key} {address}: {_why(error)}", remedy=_remedy(key, error)) from None


def adopt(address: Address, sockets: tuple[socket.socket, ...] | None) -> Opened | None:
    """Return a listener that somebody else opened at `address`, and whose Unix socket is theirs to take away."""
    return Opened(str(address), sockets) if sockets else None


async def _server(plug: socket.socket, server: CallerServer) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    if plug.family != socket.AF_UNIX:
        return await loop.create_server(server, sock=plug, backlog=_BACKLOG)
    # From Python 3.13 on it would take the socket away by itself, also one that is the service manager's.
    keeping: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
    return await loop.create_unix_server(server, sock=plug, backlog=_BACKLOG, **keeping)


def _accepted(plug: socket.socket) -> Iterator[socket.socket]:
    """Yield what waits in the kernel's queue; none of a listener that is closed already."""
    with contextlib.suppress(OSError):  # also BlockingIOError: that was all
        while True:
            yield Lent(fileno=plug.accept()[0].detach())


def _why(error: OSError) -> str:
    """Return the reason without the address; a resolver's has its own codes."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror or error)


def _remedy(key: str, error: OSError) -> str | None:
    """Return what to do about the reasons that people meet; None for the others."""
    if error.errno == errno.EADDRINUSE:
        return (
            "Another program listens there, perhaps a sidecar that runs already (`finhub-sidecar status` asks it): "
            f"end it, or write another port into {key}."
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"Write an address of this machine into {key}, such as 127.0.0.1."
    if error.errno == errno.EACCES:
        return f"This user may not open it: write a port above 1023, or a folder of this user's, into {key}."
    return None


# ── TCP ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _over_tcp(address: Address) -> Opened:
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(_bound(family, place)) for family, _, _, _, place in dict.fromkeys(found)]
        for plug in sockets:
            plug.listen(_BACKLOG)
        stack.pop_all()
    host = f"[{address.host}]" if ":" in address.host else address.host
    return Opened(f"{host}:{sockets[0].getsockname()[1]}", tuple(sockets))


def _bound(family: int, place: tuple[object, ...]) -> socket.socket:
    with contextlib.ExitStack() as stack:
        plug = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
        if os.name == "posix":  # elsewhere it would let two programs listen at once
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # the same port over IPv4 is an address of its own
            plug.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        plug.setblocking(False)  # noqa: FBT003  # the standard library's signature
        plug.bind(place)
        stack.pop_all()
    return plug


# ── Unix sockets ────────────────────────────────────────────────────────────────────────────────────────────────


def _over_unix(address: Address, access: Access) -> Opened:
    """Open a Unix socket; nobody can connect before it has its owner and its mode."""
    path = Path(address.path)
    grant = Grant.of(access)
    _clear_stale_socket(address)
    with contextlib.ExitStack() as stack:
        plug = stack.enter_context(socket.socket(socket.AF_UNIX))
        plug.setblocking(False)  # noqa: FBT003  # the standard library's signature
        before = os.umask(_OWNER_ONLY)
        try:
            plug.bind(address.path)
        finally:
            os.umask(before)
        made = path.lstat()
        stack.callback(_take_away, path, made)
        grant.give(path, made)
        plug.listen(_BACKLOG)
        stack.pop_all()
    return Opened(str(address), (plug,), (path, made))


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
