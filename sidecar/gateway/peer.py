"""Who is at the other end of a Unix socket, as the kernel tells it (unix(7), SO_PEERCRED).

Thin. It is the user that the other program ran as when it connected; nothing that it sends can change that.
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
