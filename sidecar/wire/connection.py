"""One connection to FinHub: aiohttp's client protocol, which also knows what it heard, when, and how it ended."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from aiohttp import ClientPayloadError, hdrs
from aiohttp.client_proto import ResponseHandler

from sidecar.wire.keepalive import rest_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

_FINAL = 200


class UpstreamConnection(ResponseHandler):
    """Not used again after a reply that came early, bytes that belong to no reply, or a rest longer than FinHub's own.

    `clock` returns seconds; its zero does not matter.

    Attributes:
        heard: a byte has come since the last request was begun.
        is_sending: the body of that request is not sent yet.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float]) -> None:
        super().__init__(loop)
        self.heard = False
        self.is_sending = False
        self._answered = False
        self._ended_in_order = False
        self._clock = clock
        self._heard_at = 0.0
        self._may_rest: float | None = None

    def begin(self) -> None:
        """Note that a request is about to be sent."""
        self.heard = self._answered = False
        self.is_sending = True

    def is_connected(self) -> bool:
        """Tell whether a request may be sent: the pool drops a connection that says no, and looks for another.

        Where FinHub told how long it keeps an idle connection, it is given up before: a payment that crosses with
        FinHub's end of the connection is lost, and nobody can tell whether it was executed.
        """
        return super().is_connected() and not self._rested_too_long()

    def _rested_too_long(self) -> bool:
        if self._may_rest is None or not self._is_at_rest():
            return False
        return self._clock() - self._heard_at > self._may_rest

    def _is_at_rest(self) -> bool:
        """Tell whether the reply to the last request is here, to its end."""
        return self._answered and (self._payload is None or self._payload.is_eof())

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Take in the head of a reply; while the request is still being sent, it is the last one on this connection."""
        told = rest_of(data[0].headers.getall(hdrs.KEEP_ALIVE, ()))
        self._may_rest = self._may_rest if told is None else told
        self._answered = self._answered or data[0].code >= _FINAL
        if self._answered and self.is_sending:
            self.force_close()
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        """Take bytes in (none: aiohttp resumes its parser). What comes behind a whole reply belongs to nothing."""
        if data and self._is_at_rest():
            self.force_close()
        if data:
            self.heard, self._heard_at = True, self._clock()
        super().data_received(data)

    def eof_received(self) -> None:
        """Note that the peer ended its direction on purpose: a FIN, or under TLS a close_notify."""
        transport = self.transport
        # Closed twice, a TLS transport of Python 3.11 has forgotten its connection; how it ended is ours then anyway.
        if transport is not None and not transport.is_closing():
            tls = transport.get_extra_info("ssl_object")
            self._ended_in_order = tls is None or _said_goodbye(tls)
        super().eof_received()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Take the end. A body that only the end delimits is whole only if it ended on purpose (RFC 9112 §9.8)."""
        payload = self._payload
        if payload is not None and not payload.is_eof() and (exc is not None or not self._ended_in_order):
            payload.set_exception(ClientPayloadError("the connection was cut"))
        super().connection_lost(exc)


def _said_goodbye(tls: ssl.SSLObject) -> bool:
    """Tell whether a close_notify came: then there is nothing to read, otherwise more would be wanted."""
    try:
        return not tls.read(1)
    except ssl.SSLError as error:
        return isinstance(error, ssl.SSLZeroReturnError)
