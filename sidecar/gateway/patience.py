"""A caller that leaves, and one that only has no more to say: the first is told of, the second gets its reply."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import select
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from sidecar.gateway.socket_table import Address, is_orphan

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from sidecar.gateway.departure import Departure

_TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))

_SAME_MOMENT: Final = 0.02
"""Seconds for which the tables are taken to be as they were."""

_FIRST_LOOKS: Final = (0.02, 0.2, 1.0)
_LATER_LOOKS: Final = 2.0
"""Seconds between looks at a caller that sends no more: whether it goes meanwhile, no packet tells."""


class PatientConnection(web.RequestHandler):
    """aiohttp's connection, which tells of its caller's leaving. A caller that ends its sending only is answered.

    aiohttp ends the connection with the caller's FIN, although old programs send it right behind their request and
    wait for the reply (RFC 9293 §3.6).

    Attributes:
        departure: who is told when the caller leaves, None while no request is carried.
    """

    __slots__ = ("_look_out", "departure")

    def __init__(self, manager: web.Server, **options: Any) -> None:
        super().__init__(manager, **options)
        self.departure: Departure | None = None
        self._look_out: asyncio.Task[None] | None = None

    def eof_received(self) -> bool:  # type: ignore[override]  # aiohttp returns None, which is a no
        """Take the end of what the caller sends; True keeps the connection open for the replies that are due."""
        if not self._owes_a_reply():
            return False
        if self._look_out is None:
            self._look_out = self._loop.create_task(self._look_after_it())
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        """Take the end of the connection; where it was not we that ended it, the caller has left."""
        if self._look_out is not None:
            self._look_out.cancel()
        if not self._force_close:
            self._tell()
        super().connection_lost(exc)

    def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> Coroutine[Any, Any, tuple[web.StreamResponse, bool]]:
        """End the connection behind the last reply to a caller that will ask no more."""
        if self._look_out is not None and not self._messages:
            resp.force_close()
        return super().finish_response(request, resp, start_time)

    async def look(self) -> None:
        """Find out whether a caller that sends no more is there; where it is not, tell so and end the connection."""
        transport = self.transport
        if self._look_out is not None and transport is not None and await _is_abandoned(transport):
            self._tell()
            transport.abort()

    def _owes_a_reply(self) -> bool:
        """Tell whether requests are here whose replies are due, the last of them whole."""
        if self._messages:
            return self._messages[-1][1].is_eof()
        if self._current_request is not None:
            return self._current_request.content.is_eof()
        return not self._is_waiting  # a request may be on its way from the queue to its handler

    @property
    def _is_waiting(self) -> bool:
        """Tell whether no request is on the connection, nor about to be."""
        return self._waiter is not None and not self._waiter.done()

    def _tell(self) -> None:
        if self.departure is not None:
            self.departure.happen()

    async def _look_after_it(self) -> None:
        for pause in itertools.chain(_FIRST_LOOKS, itertools.repeat(_LATER_LOOKS)):
            await asyncio.sleep(pause)
            if self.transport is not None and not self._owes_a_reply():
                self.transport.close()
            await self.look()


@contextlib.contextmanager
def told_to(request: web.BaseRequest, departure: Departure) -> Iterator[None]:
    """Tell `departure` when the caller of `request` leaves, or has left already, until the context ends."""
    connection = request.protocol
    departure.left = request.transport is None
    if not isinstance(connection, PatientConnection):
        yield
        return
    connection.departure = departure
    try:
        yield
    finally:
        connection.departure = None


async def look_for(request: web.BaseRequest) -> None:
    """Find out now whether the caller of `request` is there to read a reply."""
    connection = request.protocol
    if isinstance(connection, PatientConnection):
        await connection.look()


async def _is_abandoned(transport: asyncio.Transport) -> bool:
    """Tell whether the other end is closed for both directions, as far as this machine knows."""
    plug = transport.get_extra_info("socket")
    if _is_hung_up(plug.fileno()):
        return True
    if plug.family == socket.AF_UNIX:
        return False
    end, other = transport.get_extra_info("peername")[:2], transport.get_extra_info("sockname")[:2]
    return await asyncio.to_thread(_is_orphan, end, other)


def _is_hung_up(descriptor: int) -> bool:
    """Tell of a reset, and on a Unix socket of the other end's close."""
    if not hasattr(select, "poll"):  # Windows
        return False
    asked = select.poll()
    asked.register(descriptor, 0)  # errors and hang-ups are told unasked
    return bool(asked.poll(0))


def _is_orphan(end: Address, other: Address) -> bool:
    """Look the other end up; what is not in the tables, or on a machine without them, is taken to be there."""
    return any(is_orphan(table, end, other) for table in _tables(int(time.monotonic() / _SAME_MOMENT)))


@functools.lru_cache(maxsize=1)
def _tables(_: int) -> list[bytes]:
    """Return the tables as they are now: read once a moment, since many callers may be looked for at once."""
    found = []
    for table in _TABLES:
        with contextlib.suppress(OSError):
            found.append(table.read_bytes())
    return found
