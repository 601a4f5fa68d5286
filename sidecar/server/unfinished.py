"""Callers' requests that are not over yet, and the connections that carry them: what a drain waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sidecar.gateway.caller import CallerConnection
from sidecar.gateway.caller_server import CallerServer

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from sidecar.gateway.caller_limits import CallerLimits
    from sidecar.gateway.caller_server import Told


class Unfinished:
    """Counts the requests that `server` has handed to `handle`, up to the last byte that their callers take.

    A handler is done when the end of its reply lies in the connection's buffer. Ended then, the reply would be cut.
    """

    def __init__(
        self,
        handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        limits: CallerLimits | None = None,
        told: Told | None = None,
    ) -> None:
        self.server = CallerServer(self._carry, limits, told)
        self._make_request: Any = self.server.request_factory
        self.server.request_factory = self._request
        self._handle = handle
        self._ending = False
        self._carried: set[asyncio.BaseTransport | None] = set()

    def __len__(self) -> int:
        unsent = {one.transport for one in self.server.connections if one.transport and _holds_bytes(one.transport)}
        return len(self._carried | unsent)

    def announce_end(self) -> None:
        """Say `Connection: close` in the reply to every request that begins from now on (RFC 9112 §9.6)."""
        self._ending = True

    def close_idle(self) -> int:
        """Close the connections that carry nothing; return how many are left."""
        return sum(not _closed(connection) for connection in self.server.connections)

    async def _carry(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.transport
        self._carried.add(connection)
        try:
            return await self._handle(request)
        finally:
            self._carried.discard(connection)

    def _request(self, message: Any, *rest: Any) -> web.BaseRequest:
        last = message._replace(should_close=True) if self._ending else message
        request: web.BaseRequest = self._make_request(last, *rest)
        return request


def _closed(connection: web.RequestHandler) -> bool:
    """Tell whether the connection is closed, after closing it if it may be."""
    transport = connection.transport
    if transport is None:
        return True
    return not _holds_bytes(transport) and isinstance(connection, CallerConnection) and connection.close_if_idle()


def _holds_bytes(transport: asyncio.WriteTransport) -> bool:
    return transport.get_write_buffer_size() > 0
