"""The connections to FinHub: those at rest, the last used first, and all that are open."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, Final

from sidecar.gateway.turn import Turn
from sidecar.gateway.upstream.connection import Connection
from sidecar.gateway.upstream.deadlines import Deadlines
from sidecar.gateway.upstream.resumption import Resuming
from sidecar.wire import clock as clocks

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.gateway.upstream.dial import Dialler
    from sidecar.wire.tls import Tls

KEEPALIVE_SECONDS: Final = 55.0
"""An idle connection is given up before common servers (60 s and more) close it under us; earlier where told so."""

_GOODBYES: Final = 2.0
"""Seconds for all connections to end, once they were told to."""

_SLEEP: Final = 1.0
"""Seconds of sleep, and of rest, that are worth a look."""


class Pool:
    """Keeps connections for as long as FinHub keeps them, and none that was opened with another TLS than the newest.

    `clock` returns seconds that run while the machine sleeps, which an event loop's do not; its zero does not matter.
    `slept` returns the seconds that the machine has slept up to now.

    Attributes:
        presented_until: when the certificate ends that FinHub presented last, in Unix time; None before the first.
    """

    def __init__(self, dialler: Dialler, clock: Callable[[], float], slept: Callable[[], float] = clocks.slept) -> None:
        self.loop = asyncio.get_running_loop()
        self.deadlines = Deadlines(self.loop)
        self.turn = Turn(self.loop, lambda: len(self._open) - len(self._idle) <= 1)
        self._dialler = dialler
        self._clock = clock
        self._slept = slept
        self._slept_before = slept()
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._all_gone = asyncio.Event()
        self._tls: Tls | None = None
        self._resuming: Resuming | None = None
        self.presented_until: float | None = None

    @property
    def idle(self) -> int:
        """Return how many connections are at rest."""
        return len(self._idle)

    def has_idle(self, tls: Tls) -> bool:
        """Tell whether a connection is at rest that was opened with `tls`; one of another TLS is ended."""
        if tls is not self._tls:
            self._begin_with(tls)
        return bool(self._idle)

    def take(self, tls: Tls) -> Connection | None:
        """Return a connection at rest that was opened with `tls`, None where there is none that may be used."""
        if tls is not self._tls:
            self._begin_with(tls)
        while self._idle:
            connection = self._idle.pop()
            age = self._clock() - connection.rested_at
            if age > _SLEEP and self._has_slept():
                self._end_rest()
            elif connection.usable and age <= _rest_of(connection):
                return connection
            connection.close()
        return None

    async def dial(self, tls: Tls) -> Connection:
        """Return a new connection; what is raised is told in `Dialler.dial`."""
        if tls is not self._tls:
            self._begin_with(tls)
        resuming = self._resuming
        try:
            connection = await self._dialler.dial(lambda: Connection(self, tls), resuming)
        except Exception:  # whatever it was, it may have been the session that was offered
            self.distrust(tls)
            raise
        self._open.add(connection)
        self._look_at_certificate(connection)
        return connection

    def distrust(self, tls: Tls) -> None:
        """Begin the next connection with a full handshake: the last one brought nothing."""
        if self._resuming is not None and tls is self._tls:
            self._resuming.forget()

    def rest(self, connection: Connection) -> None:
        """Take a connection back whose reply is whole; one of an older TLS ends here."""
        if connection.tls is not self._tls:
            connection.close()
            return
        self._remember_session(connection)
        connection.rested_at = self._clock()
        self._idle.append(connection)
        connection.allow(_rest_of(connection))

    def gone(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if not self._open:
            self._all_gone.set()

    async def close(self) -> None:
        """End all connections, and return once they have ended."""
        self._all_gone.clear()
        for connection in list(self._open):
            connection.abort()
        if self._open:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_gone.wait(), _GOODBYES)

    def _has_slept(self) -> bool:
        """Tell whether the machine has slept since this was asked last.

        However short it was: the network may be another one by now, and nothing tells that a connection is dead.
        """
        before, self._slept_before = self._slept_before, self._slept()
        return self._slept_before - before > _SLEEP

    def _end_rest(self) -> None:
        """End all that is at rest."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _begin_with(self, tls: Tls) -> None:
        """Drain what was opened with another TLS: what is at rest ends now, what is in use when it comes to rest."""
        self._tls = tls
        self._resuming = None if tls.context is None else Resuming(tls.context, self._clock)
        self._end_rest()

    def _look_at_certificate(self, connection: Connection) -> None:
        """Note until when FinHub's certificate holds; a session that is resumed remembers the one of its beginning."""
        tls = connection.ssl_object
        certificate = None if tls is None else tls.getpeercert()
        if certificate:
            self.presented_until = float(ssl.cert_time_to_seconds(str(certificate["notAfter"])))

    def _remember_session(self, connection: Connection) -> None:
        if self._resuming is not None and connection.heard and not connection.remembered:
            connection.remembered = True
            tls = connection.ssl_object
            if tls is not None:
                self._resuming.remember(tls)


def _rest_of(connection: Connection) -> float:
    told = connection.may_rest
    return KEEPALIVE_SECONDS if told is None else min(told, KEEPALIVE_SECONDS)
