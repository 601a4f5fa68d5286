"""A request that asks to switch its connection to another protocol, and what the caller sends behind it.

Until it is answered nobody knows whether the bytes behind it are of that protocol or the next request: they wait, and
are parsed only where the protocol stays the same.
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Final

from sidecar.gateway import upgrade
from sidecar.gateway.caller_request import CallerRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sidecar.gateway.caller import CallerConnection
    from sidecar.rawfields import RawFields

HELD: Final = 65536
"""Bytes of the caller's that are here and not taken yet; beyond, nothing more is read until they are."""


class Behind(asyncio.Protocol):
    """Takes the place of a caller's connection for the bytes behind a handshake; all else the connection is told.

    Attributes:
        in_order: the caller has ended its sending on purpose.
        ended: no more will come, whatever the reason.
        is_taken: the connection has switched; it never speaks HTTP again.
        held: bytes that are here and not taken yet.
    """

    def __init__(self, connection: CallerConnection, early: bytes) -> None:
        self.in_order = self.ended = self.is_taken = False
        self._connection = connection
        self._parts = [early] if early else []
        self.held = len(early)
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        if connection.transport is not None:
            connection.transport.set_protocol(self)

    # ── what the transport tells ────────────────────────────────────────────────────────────────────────────

    def data_received(self, data: bytes) -> None:
        """Take bytes in."""
        self._parts.append(data)
        self.held += len(data)
        if self.held >= HELD and self._connection.transport is not None:
            self._paused = True
            self._connection.transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """Take the end of what the caller sends."""
        self.in_order = self.ended = True
        self._wake()
        return self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the connection."""
        self.ended = True
        self._wake()
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass it on."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._connection.resume_writing()

    # ── whoever reads ───────────────────────────────────────────────────────────────────────────────────────

    async def read(self) -> bytes:
        """Return the bytes that are here, waiting for the first; b"" once there will be no more."""
        while not self._parts and not self.ended:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._take()

    def give_back(self) -> None:
        """Let the connection have its bytes again, from the first behind the handshake: they are HTTP."""
        transport = self._connection.transport
        if self.is_taken or transport is None or transport.is_closing():
            return
        transport.set_protocol(self._connection)
        if early := self._take():
            self._connection.data_received(early)

    def _take(self) -> bytes:
        parts, self._parts, self.held = self._parts, [], 0
        transport = self._connection.transport
        if self._paused and transport is not None and not transport.is_closing():
            self._paused = False
            transport.resume_reading()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Handshake(CallerRequest):
    """A request that asks for another protocol.

    Attributes:
        upgrade: the protocol.
        behind: what the caller sends behind it.
    """

    __slots__ = ("behind", "upgrade")

    behind: Behind

    def hold(self, early: bytes, handle: Callable[[CallerRequest], Awaitable[None]]) -> None:
        """Let what comes behind it wait, of which `early` is here, until `handle` has answered it."""
        self.behind = Behind(self._connection, early)
        self.carrier = functools.partial(_answered, handle)

    def switch(self, reason: bytes, fields: RawFields) -> Behind:
        """Say yes, with the `fields` of FinHub's that pass; return what the caller sends from now on.

        Bytes go the other way with `write`, and `finish` ends them.
        """
        self._open().write(upgrade.yes(self.upgrade, reason, fields))
        self.has_begun = self.last = self.behind.is_taken = True
        return self.behind

    def finish(self) -> None:
        """Send no more: the end goes out behind all that was written."""
        if (transport := self._connection.writable()) is not None:
            transport.write_eof()


def of(connection: CallerConnection, request: CallerRequest, protocols: frozenset[bytes]) -> Handshake | None:
    """Return the connection's request as one that asks for one of these protocols, None where it does not."""
    wish = upgrade.wished(request.method, request.version, request.fields, request.length)
    if wish not in protocols:
        return None
    asking = Handshake(connection, request.method, request.target, request.fields, request.body)
    asking.last, asking.upgrade = request.last, wish
    return asking


async def _answered(handle: Callable[[CallerRequest], Awaitable[None]], request: CallerRequest) -> None:
    try:
        await handle(request)
    finally:
        if isinstance(request, Handshake):
            request.behind.give_back()
