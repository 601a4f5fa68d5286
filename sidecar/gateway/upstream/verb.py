"""The verb: `send`. What may be sent again, how long to wait and what a failure is called is decided here."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, NamedTuple, Self

from yarl import URL

from sidecar import errors, events
from sidecar.gateway.slots import Slots
from sidecar.gateway.upstream import sending
from sidecar.gateway.upstream.dial import Dialler
from sidecar.gateway.upstream.pool import Pool
from sidecar.gateway.upstream.reply import Reply
from sidecar.gateway.upstream.request import PREFETCH, SAFE_METHODS, Bounds, Request
from sidecar.wire import probe, trouble
from sidecar.wire.clock import slept, steady

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.gateway.upstream.answer import Answer
    from sidecar.gateway.upstream.connection import Connection
    from sidecar.wire.proxy import Proxy
    from sidecar.wire.tls import Tls


class Asked(NamedTuple):
    """A request that is on its way: over which connection, what is heard, and what sends the rest of its body."""

    connection: Connection
    answer: Answer
    streaming: asyncio.Task[None] | None


class Upstream:
    """FinHub's API at `origin`. Open it with `async with`.

    `tls` is asked for each request, so that a new context (another identity, another CA) means new connections.
    `clock` and `slept` are as `Pool` takes them.

    Attributes:
        origin: scheme, host and port.
        authority: the value of the Host field: never the caller's.
    """

    def __init__(
        self,
        origin: str,
        bounds: Bounds,
        tls: Callable[[], Tls],
        clock: Callable[[], float] = steady,
        slept: Callable[[], float] = slept,
    ) -> None:
        self._proxy: Proxy | None = None
        self.origin = origin
        self._url = URL(origin)
        self.authority = (self._url.host_port_subcomponent or "").encode()
        self._bounds = bounds
        self._tls = tls
        self._clock = clock
        self._slept = slept
        self._slots = Slots(bounds.connections, bounds.wait)
        self._dialler = Dialler(self._url, bounds.connect)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._pool = Pool(self._dialler, self._clock, self._slept)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    def bound_by(self, bounds: Bounds) -> None:
        """Keep the time-outs of `bounds` from the next request on; how many connections there may be stays."""
        self._bounds = bounds
        self._slots.wait = bounds.wait
        self._dialler.connect = bounds.connect

    def go_through(self, proxy: Proxy | None) -> None:
        """Reach FinHub through `proxy` from the next connection on; None: without one."""
        self._proxy = proxy
        self._dialler.go_through(proxy)

    @property
    def busy(self) -> int:
        """Return how many connections are in use now, those whose replies are in the callers' hands included."""
        return self._slots.busy

    @property
    def idle(self) -> int:
        """Return how many connections are open and at rest."""
        return self._pool.idle

    @property
    def waiting(self) -> int:
        """Return how many requests wait for a connection."""
        return self._slots.waiting

    @property
    def certificate_expires(self) -> float | None:
        """Return when the certificate ends that FinHub presented last, in Unix time; None where none was seen yet."""
        return self._pool.presented_until

    async def warm(self) -> None:
        """Have a connection ready where there is none; why there can be none is for `send` to tell."""
        tls = self._tls()
        if self.busy or self._pool.has_idle(tls):
            return
        await self._slots.take()
        try:
            with contextlib.suppress(OSError, trouble.NoConnection, errors.SidecarError):
                self._pool.rest(await self._pool.dial(tls))
        finally:
            self._slots.give()

    async def send(self, request: Request) -> Reply:
        """Send `request`, return its reply; a safe method on a dead pooled connection is sent once more on a new one.

        Raises:
            UpstreamError: FinHub could not be reached, or did not answer as HTTP asks.
            CallerTimeout, CallerGone, BodyTooLarge: the caller's body ended before its end.
        """
        if not request.body.complete:
            await request.body.prefetch(PREFETCH)
        if not self._slots.take_at_once():
            await self._slots.take()
        try:
            connection = self._pool.take(self._tls())
            if connection is None:
                return await self._anew(request)
            return await self._or_anew(self._ask(connection, request), request)
        except BaseException:  # a cancellation, too, gives back what was taken
            self._slots.give()
            raise

    def send_at_once(self, data: bytes, *, bodiless: bool) -> Answer | None:
        """Put a whole request on the wire, and return what is heard of it; None where a connection must be waited for.

        Its slot is to be given back, or the answer handed to `go_on`. `bodiless`: the method is HEAD.
        """
        if not self._slots.take_at_once():
            return None
        connection = self._pool.take(self._tls())
        if connection is None:
            self._slots.give()
            return None
        answer = connection.ask(data, bodiless=bodiless, whole=True)
        connection.allow(self._bounds.response)
        return answer

    async def go_on(self, connection: Connection, answer: Answer, request: Request) -> Reply:
        """Return the reply to `request`, which was sent at once over `connection`; as `send` does."""
        try:
            return await self._or_anew(Asked(connection, answer, None), request)
        except BaseException:  # as above
            self._slots.give()
            raise

    def give_back(self) -> None:
        """Let another request have the turn of one that was sent at once."""
        self._slots.give()

    async def _or_anew(self, asked: Asked, request: Request) -> Reply:
        try:
            return await self._reply(asked, request, pooled=True)
        except errors.ConnectionTerminated:
            if asked.connection.heard or request.method not in SAFE_METHODS or not request.body.repeatable:
                raise
        request.sendings.append(events.DEAD_CONNECTION)
        if request.trace is not None:
            request.fields = request.trace.asks(request.fields)
        return await self._anew(request)

    async def _anew(self, request: Request) -> Reply:
        connection = await self._dial(self._tls(), request)
        return await self._reply(self._ask(connection, request), request, pooled=False)

    async def _dial(self, tls: Tls, request: Request) -> Connection:
        try:
            return await self._pool.dial(tls)
        except (OSError, trouble.NoConnection) as error:
            raise await self._trouble(error, tls, request, asked=False) from None

    def _ask(self, connection: Connection, request: Request) -> Asked:
        """Put the request on the wire, and let the rest of a longer body follow."""
        try:
            request.departure.asked()
            answer = sending.begin(connection, request)
            if request.upgrade:
                connection.may_switch(answer, request.upgrade)
        except BaseException:  # whatever it is, half a request may be on the wire
            connection.abort()
            raise
        response = self._bounds.response
        if connection.sent:
            connection.allow(response)
            return Asked(connection, answer, None)
        streaming = self._loop.create_task(sending.stream(connection, answer, request, response))
        return Asked(connection, answer, streaming)

    async def _reply(self, asked: Asked, request: Request, *, pooled: bool) -> Reply:
        """Return what comes; by then the connection may be another's, so that only the answer is looked at."""
        connection, answer, streaming = asked
        try:
            while not answer.arrived and answer.failure is None:
                await answer.more(self._loop)
        except BaseException:  # a cancellation: the connection may be another's by now
            _give_up(answer, streaming)
            raise
        if answer.arrived:
            return Reply(answer, streaming, self._bounds.idle, self._slots, self.origin)
        _give_up(answer, streaming)
        raise await self._told(connection, answer.failure or TimeoutError(), request, pooled=pooled) from None

    async def _told(self, connection: Connection, failure: Exception, request: Request, *, pooled: bool) -> Exception:
        """Return why there is no reply, in our words."""
        if request.body.failure is not None:
            return request.body.failure
        if isinstance(failure, errors.SidecarError):
            return failure
        if isinstance(failure, TimeoutError):
            return errors.ResponseTimeout(f"no reply from {self.origin} within {self._bounds.response:g} s")
        if not isinstance(failure, OSError):  # a bug, and told as one
            return failure
        if pooled:
            return trouble.translate(failure, to=self.origin, presented=connection.tls.presented)
        self._pool.distrust(connection.tls)
        return await self._trouble(failure, connection.tls, request, asked=True)

    async def _trouble(self, error: Exception, tls: Tls, request: Request, *, asked: bool) -> errors.SidecarError:
        """Return what went wrong on a new connection. A lost reply may be a refused certificate: then it says so."""
        known = await probe.refusal(error, self._url, tls, connect=self._bounds.connect, proxy=self._proxy)
        if known is None:
            return trouble.translate(error, to=self.origin, presented=tls.presented)
        if asked and request.method not in SAFE_METHODS:
            known.remedy = f"{known.remedy} {errors.ConnectionTerminated.default_remedy}"
        return known


def _give_up(answer: Answer, streaming: asyncio.Task[None] | None) -> None:
    if streaming is not None:
        streaming.cancel()
    if answer.connection is not None:
        answer.connection.abort()
