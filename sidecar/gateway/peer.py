"""Who is at the other end of a connection: its address, and on a Unix socket its user (unix(7), SO_PEERCRED).

Thin. The user is the one that the other program ran as when it connected; nothing that it sends can change that.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

_UCRED: Final = struct.Struct("=iII")
"""The kernel's struct ucred: process, user, group."""


def are_told() -> bool:
    """Tell whether this platform says who connected; Linux does."""
    return hasattr(socket, "SO_PEERCRED")


def address_of(transport: asyncio.BaseTransport) -> str | None:
    """Return the peer's address: "" on a Unix socket, None where the connection is gone already."""
    name = transport.get_extra_info("peername")
    if name is None:
        return None
    return str(name[0]) if isinstance(name, tuple) else ""


def uid_of(transport: asyncio.BaseTransport | None) -> int | None:
    """Return the user at the other end, None over TCP, once the connection is gone, and where no platform tells."""
    end = None if transport is None else transport.get_extra_info("socket")
    # Over TCP the kernel answers too, with the user 4294967295.
    if end is None or end.family != getattr(socket, "AF_UNIX", None) or not are_told():
        return None
    try:
        credentials = end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    except OSError:  # closed meanwhile
        return None
    _, uid, _ = _UCRED.unpack(credentials)
    return int(uid)
