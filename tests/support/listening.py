"""A server of the sidecar's on a port or a socket of its own."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sidecar.gateway.caller_server import CallerServer


@contextlib.asynccontextmanager
async def on_port(server: CallerServer, **options: Any) -> AsyncIterator[int]:
    """Serve on loopback, or on the socket `sock` that is bound already; yields the port."""
    where = options or {"host": "127.0.0.1", "port": 0}
    listening = await asyncio.get_running_loop().create_server(server, **where)
    try:
        yield int(listening.sockets[0].getsockname()[1])
    finally:
        listening.close()
        await server.shutdown(0.1)


@contextlib.asynccontextmanager
async def on_socket(server: CallerServer, path: Path) -> AsyncIterator[None]:
    """Serve on a Unix socket."""
    listening = await asyncio.get_running_loop().create_unix_server(server, path)
    try:
        yield
    finally:
        listening.close()
        await server.shutdown(0.1)
