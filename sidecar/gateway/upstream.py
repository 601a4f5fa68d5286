"""The only door to FinHub's API, behind one verb: `send` a request, get a reply whose body is still to come.

aiohttp's client carries the bytes; what may be sent twice, how long to wait and what a failure is called is decided
here and in `wire/trouble.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

import aiohttp
from aiohttp import hdrs
from aiohttp.http import HttpVersion10, HttpVersion11
from yarl import URL

from sidecar import errors
from sidecar.gateway.departure import Departure
from sidecar.gateway.slots import Slots
from sidecar.rawfields import first
from sidecar.wire import probe, trouble
from sidecar.wire.client import NotSent, SpokenUnasked, headers_of, open_client, url_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from types import SimpleNamespace

    from sidecar.gateway.body import ReplayableBody
    from sidecar.rawfields import RawFields
    from sidecar.wire.client import Tls

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""RFC 9110 §9.2.1: these may be sent again on a new connection when the pooled one was dead (CONTRACT §6)."""

PREFETCH: Final = 65536
"""A connection is taken once so many bytes of the caller's body are here, or all of it."""

_SWITCHING_PROTOCOLS: Final = 101
_FIRST_FINAL: Final = 200

_PATIENCE_WITH_THE_UNWANTED: Final = 1.0
"""Seconds to wait for the rest of a reply that nobody will read: longer is worth a new connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What goes on the wire: the origin-form target and the fields exactly as they are to be sent.

    `sendings` is told why the request was put on the wire again, `departure` when the first byte is about to go.
    """

    method: str
    target: str
    fields: RawFields = field(repr=False)  # Authorization is among them
    body: ReplayableBody
    sendings: list[str]
    departure: Departure = field(default_factory=Departure)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Connections, and seconds: for a free one, to connect, to the first byte of the reply, between bytes."""

    connections: int
    wait: float
    connect: float
    response: float
    idle: float


class Reply:
    """FinHub's reply: status and fields are here, the body is read once. A context that gives back all it took.

    Attributes:
        slots: where its connection is counted.
    """

    def __init__(self, response: aiohttp.ClientResponse, body: ReplayableBody, idle: float, slots: Slots) -> None:
        self.status = response.status
        self.reason = response.reason or ""
        self.fields: RawFields = response.raw_headers
        self._response = response
        self._body = body
        self._idle = idle
        self.slots = slots
        self._peeked = b""
        self._closed = False

    async def peek(self, size: int) -> bytes:
        """Return up to `size` first bytes of the body; `chunks` still yields them."""
        while len(self._peeked) < size and (chunk := await self._next()):
            self._peeked += chunk
        return self._peeked[:size]

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; ConnectionTerminated or ResponseTimeout when it ends before its end."""
        if self._peeked:
            yield self._peeked
        while chunk := await self._next():
            yield chunk

    async def _next(self) -> bytes:
        try:
            async with asyncio.timeout(self._idle):
                return await self._response.content.readany()
        except TimeoutError:
            raise errors.ResponseTimeout(f"no byte of the reply for {self._idle:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise trouble.translate(error, to=str(self._response.url.origin()), presented=True) from None

    @property
    def is_coded(self) -> bool:
        """Tell whether the body is content-coded (RFC 9110 §8.4), so that it cannot be read as it is."""
        return first(self.fields, b"content-encoding") is not None

    async def discard(self) -> None:
        """Give the reply up; its connection is kept where the rest of the reply is short and there already."""
        try:
            with contextlib.suppress(errors.UpstreamError, TimeoutError):
                async with asyncio.timeout(_PATIENCE_WITH_THE_UNWANTED):
                    await self.peek(PREFETCH)
        finally:
            self.close()

    def close(self) -> None:
        """Give back all that was taken. The connection is kept only if both bodies went over it to their ends."""
        if self._closed:
            return
        self._closed = True
        if self._body.complete and self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()
        self.slots.give()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


@dataclass(slots=True)
class _Journey:
    """One sending on its way: was its connection pooled, and until when may FinHub keep us waiting?

    `untouched`: not a byte of it was sent. `heard`: the reply had begun when its connection ended.
    """

    deadline: asyncio.Timeout
    bounds: Bounds
    departure: Departure
    pooled: bool = False
    connected: bool = False
    arrived: bool = False
    untouched: bool = False
    heard: bool = False

    def fail(self, failure: NotSent) -> None:
        """Note what the failure says about how far the request came."""
        self.untouched = isinstance(failure.error, SpokenUnasked)
        if self.untouched:
            self.departure.before_asking()
        self.heard = failure.heard

    def may_go_again(self, request: Request) -> bool:
        """Tell whether the pooled connection was dead before a reply began, and sending again is safe (CONTRACT §6)."""
        if not self.pooled:
            return False
        return self.untouched or (request.method in SAFE_METHODS and request.body.repeatable and not self.heard)

    def begin(self) -> None:
        self._allow(self.bounds.connect)

    def connect(self, *, pooled: bool) -> None:
        self.pooled, self.connected = pooled, True
        self.departure.asked()
        self.give_time()

    def give_time(self) -> None:
        """It is FinHub's turn: to take what was sent, or to reply."""
        self._allow(self.bounds.response)

    def stop_clock(self) -> None:
        """It is the caller's turn, whose pauses `listen.body_timeout` bounds."""
        if not self.arrived:
            self.deadline.reschedule(None)

    def _allow(self, seconds: float) -> None:
        if not self.arrived:
            self.deadline.reschedule(asyncio.get_running_loop().time() + seconds)


class Upstream:
    """FinHub's API at `origin`. Open it with `async with`.

    `tls` is asked for each request, so that a new context (another identity, another CA) means new connections.

    Attributes:
        origin: scheme, host and port.
        authority: the value of the Host field: never the caller's.
    """

    def __init__(self, origin: str, bounds: Bounds, tls: Callable[[], Tls]) -> None:
        self.origin = origin
        self._url = URL(origin)
        self.authority = (self._url.host_port_subcomponent or "").encode()
        self._bounds = bounds
        self._tls = tls
        self._slots = Slots(bounds.connections, bounds.wait)
        self._clients = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._pool = await self._clients.enter_async_context(open_client(pooled=True, trace=_tracing()))
        self._fresh = await self._clients.enter_async_context(open_client(pooled=False, trace=_tracing()))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._clients.aclose()

    @property
    def busy(self) -> int:
        """Return how many connections are in use now."""
        return self._slots.busy

    async def send(self, request: Request) -> Reply:
        """Send `request`, return its reply; a safe method on a dead pooled connection is sent once more on a new one.

        Raises:
            UpstreamError: FinHub could not be reached, or did not answer as HTTP asks.
            CallerTimeout, CallerGone, BodyTooLarge: the caller's body ended before its end.
        """
        await request.body.prefetch(PREFETCH)
        await self._slots.take()
        try:
            response = await self._send(request)
        except BaseException:  # a cancellation, too, gives back what was taken
            self._slots.give()
            raise
        return Reply(response, request.body, self._bounds.idle, self._slots)

    async def _send(self, request: Request) -> aiohttp.ClientResponse:
        journey = _Journey(asyncio.timeout(None), self._bounds, request.departure)
        try:
            return await self._over(self._pool, request, journey)
        except errors.ConnectionTerminated:
            if not journey.may_go_again(request):
                raise
        if not journey.untouched:
            request.sendings.append("dead connection")
        again = _Journey(asyncio.timeout(None), self._bounds, request.departure)
        return await self._over(self._fresh, request, again)

    async def _over(self, http: aiohttp.ClientSession, request: Request, journey: _Journey) -> aiohttp.ClientResponse:
        tls = self._tls()
        try:
            async with journey.deadline:
                journey.begin()
                response = await self._issue(http, request, journey, tls)
                journey.arrived = True
        except NotSent as error:
            journey.fail(error)
            raise request.body.failure or await self._trouble(error.error, tls, request, journey) from None
        except TimeoutError:
            raise request.body.failure or self._late(journey) from None
        finally:
            journey.arrived = True
        if fault := _fault(response):
            response.close()
            raise errors.MalformedReply(f"FinHub {fault} without being asked to")
        return response

    async def _issue(
        self, http: aiohttp.ClientSession, request: Request, journey: _Journey, tls: Tls
    ) -> aiohttp.ClientResponse:
        """Hand the request to aiohttp so that target and fields go out byte for byte."""
        data, chunked = _framed(request.body, journey)
        return await http.request(
            request.method,
            url_of(self._url, request.target),
            headers=headers_of(request.fields),
            data=data,
            chunked=chunked,
            allow_redirects=False,
            ssl=tls.for_aiohttp,
            trace_request_ctx=journey,
        )

    async def _trouble(self, error: Exception, tls: Tls, request: Request, journey: _Journey) -> errors.SidecarError:
        """Return what went wrong. On a new connection a lost reply may be a refused certificate: then it says so."""
        known = None
        if not journey.pooled:
            known = await probe.refusal(error, self._url, tls, connect=self._bounds.connect)
        if known is None:
            return trouble.translate(error, to=self.origin, presented=tls.presented)
        if journey.connected and request.method not in SAFE_METHODS:
            known.remedy = f"{known.remedy} {errors.ConnectionTerminated.default_remedy}"
        return known

    def _late(self, journey: _Journey) -> errors.SidecarError:
        if not journey.connected:
            return errors.ConnectionTimeout(f"no connection to {self.origin} within {self._bounds.connect:g} s")
        return errors.ResponseTimeout(f"no reply from {self.origin} within {self._bounds.response:g} s")


def _fault(response: aiohttp.ClientResponse) -> str:
    """Return what FinHub did that no proxy can pass on, "" if nothing.

    A transfer coding ends with us: its label is connection-specific, so the caller could not undo it (RFC 9112 §6.1).
    """
    if response.status == _SWITCHING_PROTOCOLS:
        return "switched protocols"
    if response.version not in (HttpVersion10, HttpVersion11):
        return "spoke another version of HTTP"
    if response.status < _FIRST_FINAL:
        return "sent a status that does not exist"
    codings = [coding.strip().lower() for coding in response.headers.getall(hdrs.TRANSFER_ENCODING, [])]
    legal = ([], ["chunked"]) if response.version == HttpVersion11 else ([],)
    return "" if codings in legal else "transfer-coded the reply"


def _framed(body: ReplayableBody, journey: _Journey) -> tuple[bytes | AsyncIterator[bytes] | None, bool | None]:
    """Return what aiohttp is to send and whether chunked: a short body in one piece, a longer one as it comes."""
    if body.length == 0:
        return None, None
    whole = body.whole if body.received <= PREFETCH else None
    if whole is not None:
        return whole, None
    return _timed(body, journey), True if body.length is None else None


async def _timed(body: ReplayableBody, journey: _Journey) -> AsyncIterator[bytes]:
    """Yield the body's chunks, with the clock running only while it is FinHub that we wait for."""
    journey.stop_clock()
    async for chunk in body.chunks():
        journey.give_time()
        yield chunk
        journey.stop_clock()
    journey.give_time()


def _tracing() -> aiohttp.TraceConfig:
    """Return the hooks by which aiohttp's client tells whether a connection was new."""

    async def created(_: object, context: SimpleNamespace, __: object) -> None:
        context.trace_request_ctx.connect(pooled=False)

    async def reused(_: object, context: SimpleNamespace, __: object) -> None:
        context.trace_request_ctx.connect(pooled=True)

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(created)
    trace.on_connection_reuseconn.append(reused)
    return trace
