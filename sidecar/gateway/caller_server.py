"""All callers' connections of one listener: how many there are, and the deadlines of each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol
from uuid import uuid4

from sidecar import errors
from sidecar.gateway.caller import CallerConnection
from sidecar.gateway.caller_limits import CallerLimits
from sidecar.gateway.heads import Heads
from sidecar.gateway.turn import Turn
from sidecar.gateway.turned_away import TurnedAway

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sidecar.answer import Answer
    from sidecar.gateway.caller_request import CallerRequest

    Handler = Callable[[CallerRequest], Awaitable[None]]
    AtOnce = Callable[[CallerRequest], "Serving | None"]
    Told = Callable[[errors.SidecarError, str], None]

_STRANGERS: Final = 32
"""Connections beyond the last one that are answered at one time."""

_TICK: Final = 0.02

_SWEEP: Final = 1.0
"""Seconds between two looks at all connections: by so much a deadline may be overrun."""


class Serving(Protocol):
    """What carries a request: a task, or something that needs none."""

    def cancel(self) -> object:
        """End it; what waits for it is told."""
        ...


class CallerServer:
    """Makes the protocol of each connection to one listener; `handle` answers one request.

    `ask_at_once` is offered each request without a body whose fields were seen before. It returns what carries the
    request, until that calls its `done` or `carry`; or None, and then `handle` is asked.
    `told` hears of a connection's end before a request could be read: its error, and the id that the caller was given.
    `upgrades` are the protocols, lower-case, of whose handshakes the handler may make another protocol of the
    connection; what comes behind such a one waits until it is answered.

    Attributes:
        connections: those that are open now.
        carrying: those with a request in the handler's hands, open or not.
        is_ending: every reply that begins from now on ends its connection.
        heads: those that need not be parsed again, by the limits of who connects now.
        turn: when short replies are written.
    """

    def __init__(
        self,
        handle: Handler,
        limits: CallerLimits | None = None,
        told: Told | None = None,
        ask_at_once: AtOnce = lambda _: None,
        upgrades: frozenset[bytes] = frozenset(),
    ) -> None:
        self.handle = handle
        self.ask_at_once = ask_at_once
        self.upgrades = upgrades
        self.connections: set[CallerConnection] = set()
        self.carrying: set[CallerConnection] = set()
        self.is_ending = False
        self._limits = limits or CallerLimits()
        self.heads = Heads(self._limits.max_target)
        self._told = told
        self._loop = asyncio.get_running_loop()
        self.turn = Turn(self._loop, lambda: len(self.carrying) <= 1)
        self._next_sweep: asyncio.TimerHandle | None = None
        self._strangers: set[TurnedAway] = set()

    def __call__(self) -> CallerConnection:
        """Return the protocol of one new connection."""
        return CallerConnection(self, self._limits, self._loop)

    def bound_by(self, limits: CallerLimits) -> None:
        """Bound by `limits` what connects from now on; connections that are open keep theirs."""
        self._limits = limits
        self.heads = Heads(limits.max_target)

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

    def welcome(self, connection: CallerConnection) -> None:
        """Note a connection, and look after it while it is open."""
        self.connections.add(connection)
        if self._next_sweep is None:
            self._next_sweep = self._loop.call_later(_SWEEP, self._sweep_on)

    def forget(self, connection: CallerConnection) -> None:
        """Note that a connection is closed."""
        self.connections.discard(connection)

    def sweep(self, now: float) -> None:
        """Keep every connection's deadlines at `now`, on the event loop's clock."""
        for connection in tuple(self.connections):
            connection.sweep(now)

    async def shutdown(self, seconds: float) -> None:
        """End all connections: what is carried may take so long, then it is cut."""
        end = self._loop.time() + seconds
        while self._close_idle() and self._loop.time() < end:  # noqa: ASYNC110  # many connections, and no event of theirs
            await asyncio.sleep(_TICK)
        await asyncio.sleep(0)  # what was begun in this very turn must have begun to be ended in order
        serving = [one.serving for one in self.connections | self.carrying if one.serving]
        for one in serving:
            one.cancel()
        await asyncio.gather(*(one for one in serving if isinstance(one, asyncio.Task)), return_exceptions=True)

    def _close_idle(self) -> bool:
        """Close what carries nothing; tell whether anything is left."""
        return sum(not one.close_if_idle() for one in self.connections | self.carrying) > 0

    def _sweep_on(self) -> None:
        self._next_sweep = None
        self.sweep(self._loop.time())
        if self.connections:
            self._next_sweep = self._loop.call_later(_SWEEP, self._sweep_on)


def answering(answer: Callable[[CallerRequest], Awaitable[Answer]]) -> Handler:
    """Return the handler that sends what `answer` returns."""

    async def handle(request: CallerRequest) -> None:
        request.answer(await answer(request))

    return handle
