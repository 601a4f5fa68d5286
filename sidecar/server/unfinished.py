"""Requests that are not over, and the connections that carry them: what a drain waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from sidecar.gateway.caller import CallerConnection
    from sidecar.gateway.caller_server import CallerServer


class Unfinished:
    """Counts the requests that `server` carries, up to the last byte that their callers take.

    A handler is done when the end of its reply lies in the connection's buffer. Ended then, the reply would be cut.
    """

    def __init__(self, server: CallerServer) -> None:
        self._server = server

    def __len__(self) -> int:
        unsent = {one for one in self._server.connections if one.transport and _holds_bytes(one.transport)}
        return len(self._server.carrying | unsent)

    def announce_end(self) -> None:
        """Say `Connection: close` in the reply to every request that begins from now on (RFC 9112 §9.6)."""
        self._server.is_ending = True

    def close_idle(self) -> int:
        """Close the connections that carry nothing; return how many are left."""
        return sum(not _closed(connection) for connection in self._server.connections | self._server.carrying)


def _closed(connection: CallerConnection) -> bool:
    """Tell whether the connection is closed, after closing it if it may be."""
    transport = connection.transport
    return not (transport is not None and _holds_bytes(transport)) and connection.close_if_idle()


def _holds_bytes(transport: asyncio.WriteTransport) -> bool:
    return transport.get_write_buffer_size() > 0
