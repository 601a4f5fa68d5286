"""Callers that keep asking over plain sockets, and an account of what became of each request, to the byte."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]

WHOLE: Final = "whole"
CUT: Final = "cut"
UNANSWERED: Final = "unanswered"
"""Outcomes: a whole reply; a part of one; not a byte."""


@dataclass(slots=True)
class Try:
    """One request. `sent_at`: when its last byte had gone to the kernel (`time.monotonic`); never: infinite."""

    number: int
    sent_at: float = math.inf
    outcome: str = UNANSWERED
    status: int = 0


@dataclass(slots=True)
class SteadyCallers:
    """Ask `connect`'s server over and over until nobody listens there. Requests carry their number in `X-Number`.

    `kept` callers keep their connection, `fresh` ones have a new one for each request.
    """

    connect: Connect
    pause: float
    tries: list[Try] = field(default_factory=list)

    async def run(self, *, kept: int, fresh: int) -> None:
        """Return once all of them have found nobody."""
        async with asyncio.TaskGroup() as group:
            for _ in range(kept):
                group.create_task(self._ask_on(most=10**6))
            for _ in range(fresh):
                group.create_task(self._ask_on(most=1))

    async def _ask_on(self, *, most: int) -> None:
        # Reset: the listener ended while this connection waited in its queue.
        with contextlib.suppress(ConnectionRefusedError, ConnectionResetError, FileNotFoundError):
            while True:
                reader, writer = await self.connect()
                try:
                    await self._converse(reader, writer, most)
                finally:
                    writer.close()
                    with contextlib.suppress(OSError):
                        await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int) -> None:
        """Send up to `most` requests over one connection, until the server ends it."""
        for _ in range(most):
            each = Try(len(self.tries))
            request = f"GET /api/steady HTTP/1.1\r\nHost: localhost\r\nX-Number: {each.number}\r\n\r\n"
            self.tries.append(each)
            with contextlib.suppress(ConnectionError):
                writer.write(request.encode())
                await writer.drain()
                each.sent_at = time.monotonic()
                last = await _listen(reader, each)
            if each.outcome != WHOLE or last:
                return
            await asyncio.sleep(self.pause)


async def _listen(reader: asyncio.StreamReader, each: Try) -> bool:
    """Read one reply with a length; return whether it was the connection's last."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        each.status = int(head.split(b" ", 2)[1])
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
    except asyncio.IncompleteReadError as error:
        each.outcome = CUT if error.partial or each.status else UNANSWERED
        return True
    each.outcome = WHOLE
    return b"connection: close" in head.lower()
