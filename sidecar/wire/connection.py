"""aiohttp's client protocol, which also knows whether the peer ended the connection on purpose."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from aiohttp import ClientPayloadError
from aiohttp.client_proto import ResponseHandler

if TYPE_CHECKING:
    import asyncio


class EndAware(ResponseHandler):
    """Takes a body that only the connection's end delimits for whole only where that end was meant (RFC 9112 §9.8)."""

    _ended_in_order = False

    def eof_received(self) -> None:
        """Note that the peer ended its direction on purpose: a FIN, or under TLS a close_notify."""
        self._ended_in_order = ended_in_order(self.transport)
        super().eof_received()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Take the end of the connection."""
        payload = self._payload
        if payload is not None and not payload.is_eof() and (exc is not None or not self._ended_in_order):
            payload.set_exception(ClientPayloadError("the connection was cut"))
        super().connection_lost(exc)


def ended_in_order(transport: asyncio.Transport | None) -> bool:
    """Tell, in `eof_received`, whether it was the peer that ended the connection, and on purpose.

    Without TLS a FIN says so; with TLS a close_notify does, and a FIN alone may come from whoever cuts connections.
    """
    # Closed twice, a TLS transport of Python 3.11 has forgotten its connection; how it ended is ours then anyway.
    if transport is None or transport.is_closing():
        return False
    tls = transport.get_extra_info("ssl_object")
    return tls is None or _said_goodbye(tls)


def _said_goodbye(tls: ssl.SSLObject) -> bool:
    """Tell whether a close_notify came: then there is nothing to read, otherwise more would be wanted."""
    try:
        return not tls.read(1)
    except ssl.SSLError as error:
        return isinstance(error, ssl.SSLZeroReturnError)
