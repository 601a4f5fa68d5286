"""Linux's table of TCP sockets, read for one question: does a program still hold the other end of a connection?

Pure. A caller that only ends its sending and one that has gone both send a FIN, and nothing else until they are sent
something. Where both ends are on this machine, the table tells them apart: a socket that no program holds has no inode.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Address: TypeAlias = tuple[str, int]
"""An IP address and a port."""

_V4_IN_V6: Final = bytes(10) + b"\xff\xff"

_INODE: Final = 8
"""The inode's place, counted in words from the local address (proc_pid_net(5))."""


def is_orphan(table: bytes, end: Address, other: Address) -> bool:
    """Tell whether no program holds the socket at `end` that is connected to `other`.

    `table` is the text of `/proc/net/tcp` or `tcp6`, or both. False too where the table does not list the socket.
    """
    return any(_inode(table, pair) == b"0" for pair in _spellings(end, other))


def _inode(table: bytes, pair: bytes) -> bytes:
    """Return the inode in the line of the two addresses, b"" where there is none."""
    start = table.find(pair)
    words = table[start:].partition(b"\n")[0].split() if start >= 0 else []
    return words[_INODE] if len(words) > _INODE else b""


def _spellings(end: Address, other: Address) -> Iterator[bytes]:
    """Yield what stands in the line of such a socket; a socket of IPv6 may carry a connection of IPv4."""
    for ends in zip(_forms(end[0]), _forms(other[0]), strict=True):
        yield b" %b:%04X %b:%04X " % (_hex(ends[0]), end[1], _hex(ends[1]), other[1])


def _forms(host: str) -> list[bytes]:
    address: IPv4Address | IPv6Address = ip_address(host)
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    packed = address.packed
    return [packed, _V4_IN_V6 + packed] if isinstance(address, IPv4Address) else [packed]


def _hex(packed: bytes) -> bytes:
    """Return an address as the kernel prints it: words of 32 bits, each in this machine's order."""
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return b"".join(b"%08X" % word for word in words)
