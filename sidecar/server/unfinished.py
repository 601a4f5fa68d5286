"""Requests that are not over, and the connections that carry them: what a drain waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from sidecar.gateway.caller import CallerConnection
    from sidecar.gateway.caller_server import CallerServer


class Unfinished:
    """Counts the requests that `servers` carry, up to the last byte that their callers take.

    A handler is done when the end of its reply lies in the connection's buffer. Ended then, the reply would be cut.
    """

    def __init__(self, *servers: CallerServer) -> None:
        self._servers = servers

    def __len__(self) -> int:
        return sum(len(server.carrying | set(filter(_owes, server.connections))) for server in self._servers)

    def announce_end(self) -> None:
        """Say `Connection: close` in the reply to every request that begins from now on (RFC 9112 §9.6)."""
        for server in self._servers:
            server.is_ending = True

    def close_idle(self) -> int:
        """Close the connections that carry nothing; return how many are left."""
        return sum(
            not _closed(connection) for server in self._servers for connection in server.connections | server.carrying
        )


def _owes(connection: CallerConnection) -> bool:
    """Tell whether the caller has not taken all of a reply."""
    return connection.transport is not None and _holds_bytes(connection.transport)


def _closed(connection: CallerConnection) -> bool:
    """Tell whether the connection is closed, after closing it if it may be."""
    transport = connection.transport
    return not (transport is not None and _holds_bytes(transport)) and connection.close_if_idle()


def _holds_bytes(transport: asyncio.WriteTransport) -> bool:
    return transport.get_write_buffer_size() > 0
