"""A caller whose buffers, and the listener's, are so small that a reply stays on our side until it is read."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

from listening import on_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sidecar.gateway.caller_server import CallerServer


@contextlib.asynccontextmanager
async def slowly_read(server: CallerServer) -> AsyncIterator[socket.socket]:
    """Serve with `server`, and yield the connected socket of its only caller."""
    with socket.socket() as listener, socket.socket() as slow:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
        listener.bind(("127.0.0.1", 0))
        async with on_port(server, sock=listener):
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            slow.setblocking(False)  # noqa: FBT003  # the standard library's signature
            await asyncio.get_running_loop().sock_connect(slow, listener.getsockname())
            yield slow
