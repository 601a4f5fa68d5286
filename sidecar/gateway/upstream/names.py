"""The addresses of FinHub's name, asked for again when the answer is too old: a name that moved is followed."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from sidecar.wire.client import DNS_SECONDS
from sidecar.wire.clock import steady

if TYPE_CHECKING:
    from aiohappyeyeballs import AddrInfoType


class Name:
    """A host and port; many may ask at one time, and the resolver is asked once."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._known: list[AddrInfoType] = []
        self._until = 0.0
        self._one_at_a_time = asyncio.Lock()

    async def addresses(self) -> list[AddrInfoType]:
        """Return the addresses, beginning with another one each time, as they share the work; OSError if none."""
        async with self._one_at_a_time:
            if steady() >= self._until:
                loop = asyncio.get_running_loop()
                found = await loop.getaddrinfo(
                    self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
                )
                self._known = list(found)
                self._until = steady() + DNS_SECONDS
            known = self._known
            self._known = [*known[1:], *known[:1]]
            return known
