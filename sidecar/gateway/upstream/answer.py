"""One reply as it comes: its head, the bytes of its body that nobody has taken yet, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from sidecar.gateway.upstream.connection import Connection
    from sidecar.rawfields import RawFields

HELD: Final = 262144
"""Bytes of a body that are here and not taken yet; beyond, nothing more is read until they are."""


class Answer:
    """What a connection has heard in reply to one request.

    Attributes:
        connection: that it comes over; None once the connection is free for another request.
        bodiless: it is one to HEAD.
        arrived: status, reason and fields are here.
        until_close: its body has no other end than the connection's.
        parts, held: the bytes that are here, and their number.
        ended: the body is here to its proper end.
        failure: why it never will be.
        told: is called when something has come, be it the end, beside whoever waits for `more`.
    """

    __slots__ = (
        "_waiter",
        "arrived",
        "bodiless",
        "connection",
        "ended",
        "failure",
        "fields",
        "held",
        "parts",
        "reason",
        "status",
        "told",
        "until_close",
    )

    def __init__(self, connection: Connection, *, bodiless: bool) -> None:
        self.connection: Connection | None = connection
        self.bodiless = bodiless
        self.arrived = False
        self.until_close = False
        self.status = 0
        self.reason = b""
        self.fields: RawFields = ()
        self.parts: list[bytes] = []
        self.held = 0
        self.ended = False
        self.failure: Exception | None = None
        self.told: Callable[[], None] | None = None
        self._waiter: asyncio.Future[None] | None = None

    def more(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
        """Return what is done when something has come, be it the end; only the last that was asked for."""
        self._waiter = waiter = loop.create_future()
        return waiter

    def wake(self) -> None:
        """Let whoever waits for more look again."""
        if self.told is not None:
            self.told()
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def fail(self, failure: Exception) -> None:
        """Note that no more will come; the first reason counts, and none behind the end."""
        if self.failure is None and not self.ended:
            self.failure = failure
        self.wake()

    def take(self) -> bytes:
        """Return the bytes that are here, which makes room for more."""
        parts, self.parts = self.parts, []
        if self.held > HELD and self.connection is not None:
            self.connection.read_on()
        self.held = 0
        return parts[0] if len(parts) == 1 else b"".join(parts)
