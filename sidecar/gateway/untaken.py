"""How much of what was written to a connection its other end has not taken: our buffer, and the kernel's.

Thin. The kernel holds megabytes for a fast reader; only what it still holds tells whether a slow one takes any of it.
"""

from __future__ import annotations

import struct
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

_SIOCOUTQ: Final = 0x5411  # linux/sockios.h: bytes that were sent and not acknowledged, or not sent yet
_INT: Final = struct.Struct("i")


def untaken(transport: asyncio.WriteTransport) -> int:
    """Return the bytes that wait for the other end; where no kernel tells of its own, those in our buffer."""
    return transport.get_write_buffer_size() + _in_kernel(transport)


def _in_kernel(transport: asyncio.WriteTransport) -> int:
    plug = transport.get_extra_info("socket")
    if plug is None or sys.platform != "linux":
        return 0
    from fcntl import ioctl  # noqa: PLC0415  # Windows has none

    try:
        return int(_INT.unpack(ioctl(plug.fileno(), _SIOCOUTQ, bytes(_INT.size)))[0])
    except (OSError, ValueError):  # closed meanwhile
        return 0
