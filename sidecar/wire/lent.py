"""Sockets that are lent to an event loop, so that no descriptor is closed twice.

uvloop closes the descriptor of a connection that fails in the moment of its making, and leaves the socket object that
it was given open. Once that object is collected it would close whatever has got the number by then: another
caller's connection, or FinHub's.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohappyeyeballs import AddrInfoType


class Lent(socket.socket):
    """A socket whose descriptor is closed by `close`, or by the loop that has it; never because nobody holds it."""

    def __del__(self) -> None:
        """Leave the descriptor to whoever has its number now."""
        self.detach()


def lent(address: AddrInfoType) -> Lent:
    """Return a new socket for one of a resolver's addresses."""
    family, kind, protocol, _, _ = address
    return Lent(family, kind, protocol)
