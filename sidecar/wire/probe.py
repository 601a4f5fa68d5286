"""A TLS connection that asks for nothing: what FinHub says to it is about the connection alone.

Under TLS 1.3 a server judges our certificate when the handshake is over for us already (RFC 8446 §4.4.2.4). Whoever
has sent a request by then often gets a reset that overtakes the alert; here nothing is sent, and the alert arrives.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from sidecar.errors import TlsError, UpstreamError
from sidecar.wire import tls_trouble, tunnel

if TYPE_CHECKING:
    from yarl import URL

    from sidecar.wire.proxy import Proxy
    from sidecar.wire.tls import Tls

AFTERTHOUGHT: Final = 0.5
"""Seconds in which a server that refuses our certificate says so."""


async def handshake(host: str, port: int, tls: Tls, proxy: Proxy | None = None) -> str:
    """Connect, through `proxy` if there is one, wait for a moment, hang up; return the TLS version that was spoken.

    Raises:
        TlsAlertReceived: FinHub ended the new connection unasked.
        UpstreamError: the proxy was not there, or opened no tunnel.
        OSError: there was no connection, or no TLS; see `trouble.translate`.
    """
    reader, writer = await _open(host, port, tls, proxy)
    try:
        await _linger(reader, tls)
        return str(writer.get_extra_info("ssl_object").version())
    finally:
        await hang_up(writer)


async def _open(
    host: str, port: int, tls: Tls, proxy: Proxy | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if proxy is None:
        return await asyncio.open_connection(host, port, ssl=tls.context)
    reached = await tunnel.reach(proxy, host, port)
    return await asyncio.open_connection(sock=reached, ssl=tls.context, server_hostname=host)


async def refusal(
    error: Exception, origin: URL, tls: Tls, *, connect: float, proxy: Proxy | None = None
) -> TlsError | None:
    """Return what is wrong with TLS, if that is why a new connection brought no reply; `connect` is in seconds.

    Of a connection that was lost another one is asked for the reason: the alert that told it did not outlive the
    reset, and a connection that asks for nothing harms nobody.
    """
    if tls.context is None:
        return None
    known = tls_trouble.classify(error, presented=tls.presented)
    if known is not None or tls_trouble.classify_first_read(error, presented=tls.presented) is None:
        return known
    try:
        async with asyncio.timeout(connect + AFTERTHOUGHT):
            await handshake(origin.raw_host or "", origin.port or 0, tls, proxy)
    except TlsError as told:
        return told
    except (OSError, TimeoutError, UpstreamError):
        return None
    return None


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """End a connection without waiting for the other side, and return when it is gone."""
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _linger(reader: asyncio.StreamReader, tls: Tls) -> None:
    """Return if FinHub keeps the connection; raise TlsAlertReceived if it does not."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(AFTERTHOUGHT):
            end: Exception = ConnectionResetError("closed without a word")
            try:
                if await reader.read(1):
                    return
            except OSError as error:
                end = error
            raise tls_trouble.classify_first_read(end, presented=tls.presented) or end
