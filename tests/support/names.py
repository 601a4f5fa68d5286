"""A resolver that knows what a test told it, and addresses that behave badly; all else is asked of the real one."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

_BACKLOG = 8


@dataclass(slots=True)
class Names:
    """Names and their addresses, in the resolver's order. `asked`: how often it was."""

    known: dict[str, list[str]] = field(default_factory=dict)
    asked: int = 0
    seconds: float = 0.0

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Answer for the running loop, whose resolvers' caches count on a clock that `seconds` advances."""
        loop = asyncio.get_running_loop()
        real = loop.getaddrinfo

        async def getaddrinfo(host: str, port: int, **options: Any) -> list[Any]:
            if host not in self.known:
                return await real(host, port, **options)
            self.asked += 1
            return [_info(address, port) for address in self.known[host]]

        patch.setattr(loop, "getaddrinfo", getaddrinfo)
        for clock in ("aiohttp.connector.monotonic", "sidecar.gateway.upstream.names.steady"):
            patch.setattr(clock, lambda: time.monotonic() + self.seconds)


def _info(address: str, port: int) -> tuple[Any, ...]:
    six = ipaddress.ip_address(address).version == 6
    where = (address, port, 0, 0) if six else (address, port)
    return (socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where)


@contextlib.contextmanager
def swallowing(address: str, port: int) -> Iterator[None]:
    """Let nobody's connection come about at `address`: its listener's queue is full, and the kernel drops the rest."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        full.bind((address, port))
        full.listen(0)
        for _ in range(_BACKLOG):
            plug = stack.enter_context(socket.socket())
            plug.settimeout(0)
            plug.connect_ex((address, port))
        yield
