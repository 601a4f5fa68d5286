"""What passes between a client and the sidecar, carried byte for byte and kept.

It listens where the client is pointed. Each connection there gets one of its own to the sidecar, and ends with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Coroutine

_BLOCK: Final = 65536
_PATIENCE: Final = 30.0
_GATHERS_WITHIN: Final = 20.0


@dataclass(slots=True)
class Line:
    """The bytes of one connection, either way; `before_reply` is how many came before the first byte back."""

    number: int
    up: bytearray = field(default_factory=bytearray)
    down: bytearray = field(default_factory=bytearray)
    before_reply: int = 0


class Gate:
    """Lets nothing through before so many connections wait, but for the first `alone`.

    `waited` is how many did at once. Where the patience ends first, everybody goes, and `waited` stays short.
    """

    def __init__(self, wanted: int, alone: int) -> None:
        self.waited = 0
        self._wanted = wanted
        self._alone = alone
        self._waiting: set[int] = set()
        self._open = asyncio.Event()

    async def through(self, number: int) -> None:
        """Return when the gate is open."""
        if self._alone:
            self._alone -= 1
            return
        self._waiting.add(number)
        if not self._open.is_set():
            self.waited = len(self._waiting)
        if self.waited >= self._wanted:
            self._open.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._open.wait(), _GATHERS_WITHIN)
        self._open.set()


class Wire:
    """Runs on an event loop of its own until the block ends."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self._to = port
        self._lines: dict[int, Line] = {}
        self._late = 0.0
        self._gate: Gate | None = None
        self._numbers = 0
        self._links: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)

    def prepare(self, *, late: float = 0.0, together: int = 0, alone: int = 0) -> None:
        """Begin to listen anew.

        The first bytes back on each connection come `late` seconds late; no request goes through before `together`
        connections have one, but for the first `alone`.
        """

        async def begin() -> None:
            self._lines, self._late = {}, late
            self._gate = Gate(together, alone) if together else None

        self._do(begin())

    def heard(self) -> list[Line]:
        """Return what passed since then, in the order of the connections."""

        async def look() -> list[Line]:
            return [self._lines[number] for number in sorted(self._lines)]

        lines: list[Line] = self._do(look())
        return lines

    def together(self) -> int:
        """Return how many connections waited at the gate."""
        return self._gate.waited if self._gate else 0

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=128)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        self._numbers += 1
        try:
            await self._carry(self._numbers, reader, writer)
        except asyncio.CancelledError:
            pass  # `_stop` did it; asyncio's streams would tell of a cancelled task as of a fault
        finally:
            writer.close()
            self._links.discard(task)

    async def _carry(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_sidecar, to_sidecar = await asyncio.open_connection("127.0.0.1", self._to)
        up = asyncio.create_task(self._up(number, reader, to_sidecar))
        down = asyncio.create_task(self._down(number, from_sidecar, writer))
        try:
            await asyncio.wait({up, down}, return_when="FIRST_COMPLETED")
            if up.done():  # the client says no more; it may still listen
                await asyncio.wait({down}, timeout=1.0)
        finally:
            to_sidecar.close()
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)

    async def _up(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while block := await reader.read(_BLOCK):
            self._line(number).up += block
            if self._gate:
                await self._gate.through(number)
            writer.write(block)
            await writer.drain()
        writer.write_eof()

    async def _down(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while block := await reader.read(_BLOCK):
            line = self._line(number)
            if not line.down:
                await asyncio.sleep(self._late)
                line.before_reply = len(line.up)
            line.down += block
            writer.write(block)
            await writer.drain()

    def _line(self, number: int) -> Line:
        return self._lines.setdefault(number, Line(number))
