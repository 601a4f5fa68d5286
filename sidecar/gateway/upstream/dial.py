"""A new connection to FinHub: its name, then an address that answers, or the proxy's tunnel, then TLS."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Final

from aiohappyeyeballs import start_connection

from sidecar import errors
from sidecar.gateway.upstream.names import Name
from sidecar.wire import tunnel
from sidecar.wire.clock import steady
from sidecar.wire.lent import lent
from sidecar.wire.trouble import NoConnection
from sidecar.wire.tunnel import NEXT_ADDRESS

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from yarl import URL

    from sidecar.gateway.upstream.connection import Connection
    from sidecar.wire.proxy import Proxy

_FAREWELL: Final = 1.0
"""Seconds for FinHub to say goodbye in TLS when we close a connection."""

_LATER: Final = 1.0
"""Seconds by which the loop's own time-out for a handshake is longer than ours."""


_NOT_AGAIN: Final = 300.0
"""Seconds in which credentials that the proxy refused are not sent again: each try may be the one that locks them."""


class Dialler:
    """Opens connections to one origin, each within `connect` seconds, which may change."""

    def __init__(self, origin: URL, connect: float) -> None:
        host = origin.raw_host or ""
        self._host = host.rstrip(".")  # a certificate names it without the root's dot
        self._port = origin.port or 0
        self._name = Name(host, self._port)
        self._origin = str(origin.origin())
        self._proxy: Proxy | None = None
        self._barred_until = 0.0
        self.connect = connect

    def go_through(self, proxy: Proxy | None) -> None:
        """Reach the origin through `proxy` from the next connection on; None: without one."""
        if proxy != self._proxy:
            self._proxy, self._barred_until = proxy, 0.0
            self._name = Name(self._host, self._port) if proxy is None else Name(proxy.host, proxy.port)

    async def dial(self, make: Callable[[], Connection], tls: ssl.SSLContext | None) -> Connection:
        """Return a connection that may be used.

        Raises:
            ConnectionTimeout: there was none in time.
            UpstreamError: the proxy was not there, or opened no tunnel.
            OSError, NoConnection: there was none; see `trouble.translate`.
        """
        proxy = self._proxy
        try:
            async with asyncio.timeout(self.connect):
                plain, connection = await self._reach(make, proxy)
                if tls is not None:
                    await self._secure(plain, connection, tls)
        except TimeoutError:
            raise self._late(proxy) from None
        connection.open()
        return connection

    def _late(self, proxy: Proxy | None) -> errors.ConnectionTimeout:
        if proxy is not None:
            return tunnel.late(self._origin, proxy, self.connect)
        return errors.ConnectionTimeout(f"no connection to {self._origin} within {self.connect:g} s")

    async def _reach(self, make: Callable[[], Connection], proxy: Proxy | None) -> tuple[asyncio.Transport, Connection]:
        if proxy is None:
            reached = await self._directly()
        else:
            reached = await self._tunnelled(proxy)
        reached.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reached.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return await asyncio.get_running_loop().create_connection(make, sock=reached)

    async def _tunnelled(self, proxy: Proxy) -> socket.socket:
        if steady() < self._barred_until:
            raise errors.ProxyCredentialsRefused(
                f"the proxy {proxy.url} refused the configured credentials; they are not tried again for some minutes"
            )
        try:
            return await tunnel.reach(proxy, self._host, self._port, self._name.addresses)
        except errors.ProxyCredentialsRefused:
            if proxy.basic is not None and proxy == self._proxy:  # others may be in use by now
                self._barred_until = steady() + _NOT_AGAIN
            raise

    async def _directly(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        addresses = await self._name.addresses()
        try:
            return await start_connection(addresses, happy_eyeballs_delay=NEXT_ADDRESS, loop=loop, socket_factory=lent)
        except TimeoutError:
            raise
        except (OSError, RuntimeError) as error:  # uvloop's, where it cannot even try
            raise NoConnection(error if isinstance(error, OSError) else OSError(str(error))) from None

    async def _secure(self, plain: asyncio.Transport, connection: Connection, tls: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        try:
            transport = await loop.start_tls(
                plain,
                connection,
                tls,
                server_hostname=self._host,
                ssl_handshake_timeout=self.connect + _LATER,  # ours comes first
                ssl_shutdown_timeout=_FAREWELL,
            )
        except BaseException as error:
            connection.abort()
            if isinstance(error, OSError) and not isinstance(error, TimeoutError):
                raise NoConnection(error) from None
            raise
        if transport is None or transport.is_closing():
            connection.abort()
            raise NoConnection(ConnectionResetError())
        connection.secured(transport)
