"""aiohttp's client, opened the one right way for a proxy: it adds nothing, keeps nothing and repeats nothing.

Both doors use it, the upstream's and the token endpoint's, each with a client of its own.
"""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp import hdrs
from multidict import CIMultiDict
from yarl import URL

from sidecar.wire.clock import steady
from sidecar.wire.connection import UpstreamConnection

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

    from aiohttp.client_middlewares import ClientHandlerType

KEEPALIVE_SECONDS: Final = 55.0
"""An idle connection is given up before common servers (60 s and more) close it under us; earlier where told so."""

DNS_SECONDS: Final = 10
"""So long an answer of the resolver is used: a name that moved is followed without a restart."""

LARGEST_FIELD: Final = 65536
LARGEST_LINE: Final = 65536
MOST_FIELDS: Final = 512

_AUTOMATIC: Final = (hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE, hdrs.USER_AGENT)


@dataclass(frozen=True, slots=True)
class Tls:
    """How to speak TLS with FinHub: the context (None for plain HTTP) and whether it presents a client certificate."""

    context: ssl.SSLContext | None
    presented: bool

    @property
    def for_aiohttp(self) -> ssl.SSLContext | bool:
        """The value of aiohttp's `ssl` argument; True for plain HTTP, where it is not looked at."""
        return True if self.context is None else self.context


def url_of(origin: URL, target: str) -> URL:
    """Return the URL that puts the origin-form `target` on the wire byte for byte.

    The whole target travels as yarl's path: as path and query it would lose an empty query's question mark.
    """
    return URL.build(
        scheme=origin.scheme, host=origin.host_subcomponent or "", port=origin.port, path=target, encoded=True
    )


def headers_of(fields: Iterable[tuple[bytes, bytes]]) -> CIMultiDict[str]:
    """Return fields as aiohttp's client takes them, in their order; all of one name are spelled as the first of them.

    Of two names that differ in case only, the client would send the last field alone.
    """
    spelled: dict[str, str] = {}
    named = ((name.decode(), value.decode()) for name, value in fields)
    return CIMultiDict((spelled.setdefault(name.lower(), name), value) for name, value in named)


class NotSent(Exception):
    """What aiohttp's client raised, in a wrapping that keeps it from sending the request again on its own.

    aiohttp repeats GET, PUT and DELETE silently on a dead pooled connection; which requests may be sent twice is
    decided by `CONTRACT §6`, not by the library.
    """

    def __init__(self, error: Exception, *, heard: bool) -> None:
        super().__init__(type(error).__name__)
        self.error = error
        self.heard = heard


class SpokenUnasked(aiohttp.ClientConnectionError):
    """A connection on which FinHub spoke before it was asked: nothing was sent over it."""


class _Request(aiohttp.ClientRequest):
    """aiohttp's request, which is not sent where its reply could be mistaken.

    Bytes that came over an idle connection would pass for the reply to whatever is sent there next: one caller's
    reply in another one's hands.
    """

    connection: UpstreamConnection | None = None

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        if not isinstance(conn.protocol, UpstreamConnection) or conn.protocol.should_close:
            raise SpokenUnasked("FinHub spoke unasked")
        self.connection = conn.protocol
        self.connection.begin()
        response = await super().send(conn)
        if self._writer is None:
            self.connection.is_sending = False
        return response

    async def write_bytes(self, writer: Any, conn: aiohttp.connector.Connection, content_length: Any = None) -> None:
        """Send the body; from its end on a reply is in time."""
        await super().write_bytes(writer, conn, content_length)
        if self.connection is not None:
            self.connection.is_sending = False


async def _never_repeat(request: aiohttp.ClientRequest, send: ClientHandlerType) -> aiohttp.ClientResponse:
    try:
        return await send(request)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        over = request.connection if isinstance(request, _Request) else None
        raise NotSent(error, heard=over is not None and over.heard) from error


def open_client(
    *, pooled: bool, trace: aiohttp.TraceConfig | None = None, clock: Callable[[], float] = steady
) -> aiohttp.ClientSession:
    """Return a client without cookies, redirects, decompression, environment proxies or fields of its own.

    Connections are bounded by the caller (the upstream's slots), so the pool itself is not. `pooled` keeps them for
    the next request, as long as FinHub told that it keeps them; without it each request has a new one.
    """
    if pooled:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS, ttl_dns_cache=DNS_SECONDS)
    else:
        connector = aiohttp.TCPConnector(limit=0, force_close=True, ttl_dns_cache=DNS_SECONDS)
    # aiohttp has no public way to a protocol of one's own.
    made = functools.partial(UpstreamConnection, loop=asyncio.get_running_loop(), clock=clock)
    connector._factory = made  # type: ignore[assignment]  # noqa: SLF001  # see above
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=_AUTOMATIC,
        auto_decompress=False,
        trust_env=False,
        requote_redirect_url=False,
        timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
        max_line_size=LARGEST_LINE,
        max_field_size=LARGEST_FIELD,
        max_headers=MOST_FIELDS,
        middlewares=(_never_repeat,),
        request_class=_Request,
        trace_configs=[] if trace is None else [trace],
    )
