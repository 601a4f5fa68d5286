"""A connection to FinHub through the proxy: to the proxy first, and on from there by CONNECT."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohappyeyeballs import start_connection

from sidecar import errors
from sidecar.wire import trouble
from sidecar.wire.lent import lent
from sidecar.wire.proxy import REMEDY, authority, is_whole, judge, refused, request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiohappyeyeballs import AddrInfoType

    from sidecar.wire.proxy import Proxy

NEXT_ADDRESS: Final = 0.25
"""Seconds after which the next address is tried beside one that does not answer (RFC 8305 §5)."""

_PART: Final = 4096


async def reach(
    proxy: Proxy, host: str, port: int, addresses: Callable[[], Awaitable[Sequence[AddrInfoType]]] | None = None
) -> socket.socket:
    """Return a socket at whose other end is `host`, or its TLS; how long that takes is for the caller to bound.

    `addresses` tells the proxy's addresses, where the caller remembers them.

    Raises:
        UpstreamError: there is no tunnel; its remedy names the proxy.
    """
    try:
        known = await (resolve(proxy) if addresses is None else addresses())
        reached = await start_connection(
            known, happy_eyeballs_delay=NEXT_ADDRESS, loop=asyncio.get_running_loop(), socket_factory=lent
        )
    except TimeoutError:
        raise
    except (OSError, RuntimeError) as error:  # uvloop's, where it cannot even try
        raise unreached(error, proxy) from None
    try:
        await _ask(reached, authority(host, port), proxy)
    except BaseException:
        reached.close()
        raise
    return reached


async def resolve(proxy: Proxy) -> Sequence[AddrInfoType]:
    """Return the addresses of the proxy; OSError if there are none."""
    loop = asyncio.get_running_loop()
    return await loop.getaddrinfo(proxy.host, proxy.port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)


async def _ask(reached: socket.socket, to: str, proxy: Proxy) -> None:
    loop = asyncio.get_running_loop()
    heard = b""
    try:
        await loop.sock_sendall(reached, request(to, proxy))
        while not is_whole(heard):
            part = await loop.sock_recv(reached, _PART)
            if not part:
                raise _left(proxy)
            heard += part
    except OSError:
        raise _left(proxy) from None
    judge(heard, to, proxy)


def _left(proxy: Proxy) -> errors.ConnectionTerminated:
    detail = f"the proxy {proxy.url} closed the connection when a tunnel was asked for"
    return errors.ConnectionTerminated(detail, remedy=REMEDY)


def unreached(error: Exception, proxy: Proxy) -> errors.UpstreamError:
    """Return what it means that there was no connection to the proxy itself."""
    if not isinstance(error, (socket.gaierror, TimeoutError, aiohttp.ClientError)):
        error = trouble.NoConnection(error if isinstance(error, OSError) else OSError(str(error)))
    told = trouble.without_tls(error, to=f"the proxy {proxy.url}")
    told.remedy = REMEDY
    return told


def late(to: str, proxy: Proxy, seconds: float) -> errors.ConnectionTimeout:
    """Return what to say where a connection to the origin `to` was not there in time."""
    detail = f"no connection to {to} through the proxy {proxy.url} within {seconds:g} s"
    return errors.ConnectionTimeout(detail, remedy=REMEDY)


def translate(error: BaseException, proxy: Proxy, to: str) -> errors.UpstreamError | None:
    """Return what aiohttp's client tells of the way to the proxy and of its answer; None for what lies beyond."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return refused(error.status, to, proxy)
    if isinstance(error, (aiohttp.ClientProxyConnectionError, aiohttp.ClientConnectorDNSError)):
        return unreached(error, proxy)
    return None
