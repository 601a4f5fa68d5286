"""A new connection to FinHub: its name, then an address that answers, then TLS."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Final

from aiohappyeyeballs import start_connection

from sidecar import errors
from sidecar.gateway.upstream.names import Name
from sidecar.wire.lent import lent
from sidecar.wire.trouble import NoConnection

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from yarl import URL

    from sidecar.gateway.upstream.connection import Connection

_NEXT_ADDRESS: Final = 0.25
"""Seconds after which the next address is tried beside one that does not answer (RFC 8305 §5)."""

_FAREWELL: Final = 1.0
"""Seconds for FinHub to say goodbye in TLS when we close a connection."""

_LATER: Final = 1.0
"""Seconds by which the loop's own time-out for a handshake is longer than ours."""


class Dialler:
    """Opens connections to one origin, each within `connect` seconds, which may change."""

    def __init__(self, origin: URL, connect: float) -> None:
        host = origin.raw_host or ""
        self._host = host.rstrip(".")  # a certificate names it without the root's dot
        self._name = Name(host, origin.port or 0)
        self._origin = str(origin.origin())
        self.connect = connect

    async def dial(self, make: Callable[[], Connection], tls: ssl.SSLContext | None) -> Connection:
        """Return a connection that may be used.

        Raises:
            ConnectionTimeout: there was none in time.
            OSError, NoConnection: there was none; see `trouble.translate`.
        """
        try:
            async with asyncio.timeout(self.connect):
                plain, connection = await self._reach(make)
                if tls is not None:
                    await self._secure(plain, connection, tls)
        except TimeoutError:
            raise errors.ConnectionTimeout(f"no connection to {self._origin} within {self.connect:g} s") from None
        connection.open()
        return connection

    async def _reach(self, make: Callable[[], Connection]) -> tuple[asyncio.Transport, Connection]:
        loop = asyncio.get_running_loop()
        addresses = await self._name.addresses()
        try:
            reached = await start_connection(
                addresses, happy_eyeballs_delay=_NEXT_ADDRESS, loop=loop, socket_factory=lent
            )
        except TimeoutError:
            raise
        except (OSError, RuntimeError) as error:  # uvloop's, where it cannot even try
            raise NoConnection(error if isinstance(error, OSError) else OSError(str(error))) from None
        reached.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reached.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return await loop.create_connection(make, sock=reached)

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
