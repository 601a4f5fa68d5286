"""A caller that leaves, and one that only has no more to say: the first is told of, the second gets its reply.

Old programs send their end right behind their request and wait for the reply (RFC 9293 §3.6); whether such a caller
goes meanwhile, no packet tells.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import select
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from sidecar.gateway.socket_table import Address, is_orphan

if TYPE_CHECKING:
    from collections.abc import Awaitable

_TABLES: Final = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
"""Not /proc/net, which is missing where only processes are shown (ProcSubset=pid)."""

_SAME_MOMENT: Final = 0.02
"""Seconds for which the tables are taken to be as they were."""

_FIRST_LOOKS: Final = (0.02, 0.2, 1.0)
_LATER_LOOKS: Final = 2.0
"""Seconds between looks at a caller that sends no more."""


class Silent(Protocol):
    """A connection whose caller sends no more."""

    def close_unless_owing(self) -> None:
        """Close the connection where no reply is due on it."""
        ...

    def look(self) -> Awaitable[None]:
        """Find out whether the caller is there; where it is not, tell so and end the connection."""
        ...


async def look_after(connection: Silent) -> None:
    """Look for the caller now and then, until this is cancelled."""
    for pause in itertools.chain(_FIRST_LOOKS, itertools.repeat(_LATER_LOOKS)):
        await asyncio.sleep(pause)
        connection.close_unless_owing()
        await connection.look()


async def is_abandoned(transport: asyncio.BaseTransport) -> bool:
    """Tell whether the other end is closed for both directions, as far as this machine knows."""
    plug = transport.get_extra_info("socket")
    if _is_hung_up(plug.fileno()):
        return True
    if plug.family == socket.AF_UNIX:
        return False
    end, other = transport.get_extra_info("peername")[:2], transport.get_extra_info("sockname")[:2]
    return await asyncio.to_thread(_is_orphan, end, other)


def _is_hung_up(descriptor: int) -> bool:
    """Tell of a reset, and on a Unix socket of the other end's close."""
    if not hasattr(select, "poll"):  # Windows
        return False
    asked = select.poll()
    asked.register(descriptor, 0)  # errors and hang-ups are told unasked
    return bool(asked.poll(0))


def _is_orphan(end: Address, other: Address) -> bool:
    """Look the other end up; what is not in the tables, or on a machine without them, is taken to be there."""
    return any(is_orphan(table, end, other) for table in _tables(int(time.monotonic() / _SAME_MOMENT)))


@functools.lru_cache(maxsize=1)
def _tables(_: int) -> list[bytes]:
    """Return the tables as they are now: read once a moment, since many callers may be looked for at once."""
    found = []
    for table in _TABLES:
        with contextlib.suppress(OSError):
            found.append(table.read_bytes())
    return found
