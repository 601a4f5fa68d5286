"""aiohttp's client, opened the one right way: it adds nothing, keeps nothing and repeats nothing.

The token endpoint's door uses it. Bounds that both doors to FinHub share stand here as well.
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp import hdrs
from yarl import URL

from sidecar.wire.connection import EndAware
from sidecar.wire.lent import lent

if TYPE_CHECKING:
    from aiohttp.client_middlewares import ClientHandlerType

DNS_SECONDS: Final = 10
"""So long an answer of the resolver is used: a name that moved is followed without a restart."""

LARGEST_FIELD: Final = 65536
LARGEST_LINE: Final = 65536
MOST_FIELDS: Final = 512

_AUTOMATIC: Final = (hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE, hdrs.USER_AGENT)


def url_of(origin: URL, target: str) -> URL:
    """Return the URL that puts the origin-form `target` on the wire byte for byte.

    The whole target travels as yarl's path: as path and query it would lose an empty query's question mark.
    """
    return URL.build(
        scheme=origin.scheme, host=origin.host_subcomponent or "", port=origin.port, path=target, encoded=True
    )


class NotSent(Exception):
    """What aiohttp's client raised, in a wrapping that keeps it from sending the request again on its own.

    aiohttp repeats GET, PUT and DELETE silently on a dead connection; which requests may be sent twice is decided by
    `CONTRACT §6`, not by the library.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(type(error).__name__)
        self.error = error


async def _never_repeat(request: aiohttp.ClientRequest, send: ClientHandlerType) -> aiohttp.ClientResponse:
    try:
        return await send(request)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise NotSent(error) from error


def open_client() -> aiohttp.ClientSession:
    """Return a client without cookies, redirects, decompression, environment proxies or fields of its own.

    Each request has a new connection, so none is ever found dead; their number is not bounded here.
    """
    connector = aiohttp.TCPConnector(limit=0, force_close=True, ttl_dns_cache=DNS_SECONDS, socket_factory=lent)
    # aiohttp has no public way to a protocol of one's own.
    connector._factory = functools.partial(EndAware, loop=asyncio.get_running_loop())  # type: ignore[assignment]  # noqa: SLF001  # see above
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
    )
