"""All callers' connections of one listener: how many there are, and the deadlines of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from aiohttp import web

from sidecar import errors
from sidecar.gateway.caller import CallerConnection, CallerRequest
from sidecar.gateway.caller_limits import CallerLimits
from sidecar.gateway.turned_away import TurnedAway

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    Told = Callable[[errors.SidecarError, str], None]

_STRANGERS: Final = 32
"""Connections beyond the last one that are answered at one time."""

_SWEEP: Final = 1.0
"""Seconds between two looks at all connections: by so much a deadline may be overrun."""


class CallerServer(web.Server):
    """aiohttp's low-level server, whose connections and requests are ours. `connections` are those that are open now.

    `told` hears of a connection's end before a request could be read: its error, and the id that the caller was given.
    """

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        limits: CallerLimits | None = None,
        told: Told | None = None,
    ) -> None:
        super().__init__(handler, request_factory=_request)
        self._limits = limits or CallerLimits()
        self._told = told
        self._next_sweep: asyncio.TimerHandle | None = None
        self._strangers: set[TurnedAway] = set()

    def __call__(self) -> CallerConnection:
        """Return the protocol of one new connection."""
        return CallerConnection(self, self._limits, self._loop)

    def turn_away(self, transport: asyncio.Transport) -> None:
        """Answer a connection beyond the last one, or end it at once where too many are being answered already."""
        if len(self._strangers) >= _STRANGERS:
            transport.abort()
            return
        error = errors.TooManyConnections(f"there are {self._limits.max_connections} connections already")
        stranger = TurnedAway(error, self.tell(error), self._strangers.discard)
        self._strangers.add(stranger)
        transport.set_protocol(stranger)
        stranger.connection_made(transport)

    def tell(self, error: errors.SidecarError) -> str:
        """Tell of an end without a request, and return its new id."""
        request_id = str(uuid4())
        if self._told is not None:
            self._told(error, request_id)
        return request_id

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Note a connection, and look after it while it is open."""
        super().connection_made(handler, transport)
        if self._next_sweep is None:
            self._next_sweep = self._loop.call_later(_SWEEP, self._sweep_on)

    def sweep(self, now: float) -> None:
        """Keep every connection's deadlines at `now`, on the event loop's clock."""
        for connection in self.connections:
            if isinstance(connection, CallerConnection):
                connection.sweep(now)

    def _sweep_on(self) -> None:
        self._next_sweep = None
        self.sweep(self._loop.time())
        if self._connections:
            self._next_sweep = self._loop.call_later(_SWEEP, self._sweep_on)


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: asyncio.Task[None]) -> CallerRequest:
    return CallerRequest(message, payload, protocol, writer, task, task.get_loop())
