"""The caller's body: it streams while it remembers, up to a limit, and knows whether it can be sent again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from sidecar import errors
from sidecar.gateway.pace import Pace  # noqa: TC001  # a type of a dataclass's field

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_PER_CHUNK: Final = 64
"""Bytes that a chunk takes beside its own: a body that comes in crumbs is larger in memory than on the wire."""


class BrokenBody(Exception):
    """The framing of a body cannot be read; raised by its source."""


class Source(Protocol):
    """Where the bytes come from: aiohttp's StreamReader, or a test's list."""

    async def readany(self) -> bytes:
        """Return what is there, waiting for the first byte; b"" at the end."""
        ...


@dataclass(slots=True)
class Budget:
    """What all bodies together may remember (`replay.max_total`), in bytes."""

    left: int

    def take(self, size: int) -> bool:
        """Reserve `size` bytes; False, and nothing reserved, where there are not so many left."""
        if size > self.left:
            return False
        self.left -= size
        return True

    def give_back(self, size: int) -> None:
        """Return what a body no longer remembers."""
        self.left += size


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of one body: bytes, and how slowly they may come."""

    max_body: int
    remembered: int
    pace: Pace


class ReplayableBody:
    """One request's body. Each `chunks()` yields it from its first byte; only the newest of them still reads.

    `length` is what the caller announced: 0 for no body, None for a chunked one. `on_first_read` is called before the
    first byte is read: that is when a caller that asked gets its `100 Continue`.

    Attributes:
        received: bytes read from the caller so far.
        failure: what ended the reading early, None while all is well.
    """

    def __init__(
        self, source: Source, length: int | None, limits: Limits, budget: Budget, on_first_read: Callable[[], None]
    ) -> None:
        self.length = length
        self.received = 0
        self.failure: errors.SidecarError | None = None
        self._source = source
        self._limits = limits
        self._budget = budget
        self._on_first_read: Callable[[], None] | None = on_first_read
        self._memory: list[bytes] = []
        self._forgotten = 0
        self._reserved = 0
        self._remembers = True
        self._complete = length == 0
        self._reading = asyncio.Lock()
        self._sending = 0
        self._waited = 0.0

    @property
    def repeatable(self) -> bool:
        """Tell whether the body can be sent from its first byte again."""
        return self._remembers and self.failure is None

    @property
    def whole(self) -> bytes | None:
        """The body in one piece when all of it has arrived and is remembered, else None."""
        return b"".join(self._memory) if self._complete and self._remembers else None

    @property
    def complete(self) -> bool:
        """Tell whether the caller's last byte has arrived."""
        return self._complete

    async def prefetch(self, size: int) -> None:
        """Read until the body is whole or `size` bytes of it are here.

        Raises:
            CallerTimeout, CallerGone, BodyTooLarge: see `failure`, which holds the same.
        """
        while not self._complete and self.received < size:
            await self._read()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body from its first byte. An older iterator that is still open ends with an error."""
        self._sending += 1
        mine, position = self._sending, 0
        while True:
            async with self._reading:
                if mine != self._sending:
                    raise errors.ConnectionTerminated("a newer sending of this request took its place")
                if position == self._forgotten + len(self._memory):
                    if self._complete:
                        return
                    await self._read()
                    continue
                chunk = self._memory[position - self._forgotten]
                position += 1
                if not self._remembers:
                    self._drop(position)
            yield chunk

    def release(self) -> None:
        """Forget everything: the request is over."""
        self._memory.clear()
        self._remembers = False
        self._budget.give_back(self._reserved)
        self._reserved = 0

    async def _read(self) -> None:
        """Append the next chunk to the memory, which is kept whole only while its limits allow."""
        chunk = await self._next_chunk()
        if not chunk:
            self._end()
            return
        self.received += len(chunk)
        if self.received > self._limits.max_body:
            raise self._fail(errors.BodyTooLarge(f"the body is larger than {self._limits.max_body} bytes"))
        self._memory.append(chunk)
        if self._remembers:
            self._remember(len(chunk))
        self._complete = self.length is not None and self.received >= self.length

    def _end(self) -> None:
        """Take the source's end for the body's own only where no length says that more must come (RFC 9112 §8)."""
        if self.length is not None:
            raise self._fail(errors.MalformedRequest(f"the body ended before its {self.length} bytes"))
        self._complete = True

    async def _next_chunk(self) -> bytes:
        if self._on_first_read is not None:
            self._on_first_read()
            self._on_first_read = None
        loop = asyncio.get_running_loop()
        began, patience = loop.time(), self._limits.pace.patience(self._waited, self.received)
        try:
            async with asyncio.timeout(patience):
                return await self._source.readany()
        except TimeoutError:
            raise self._fail(errors.CallerTimeout(self._too_slow(patience))) from None
        except OSError:
            raise self._fail(errors.CallerGone("the connection ended inside the request body")) from None
        except BrokenBody:
            raise self._fail(errors.MalformedRequest("the framing of the request body is broken")) from None
        finally:
            self._waited += loop.time() - began

    def _too_slow(self, patience: float) -> str:
        pace = self._limits.pace
        if patience >= pace.pause:
            return f"no byte of the body for {pace.pause:g} s"
        return f"the body came at less than {pace.rate} bytes a second"

    def _remember(self, size: int) -> None:
        size += _PER_CHUNK
        if self.received <= self._limits.remembered and self._budget.take(size):
            self._reserved += size
            return
        self._remembers = False
        self._budget.give_back(self._reserved)
        self._reserved = 0

    def _drop(self, position: int) -> None:
        """Forget the chunks before `position`: they are sent, and never again."""
        gone = position - self._forgotten
        del self._memory[:gone]
        self._forgotten = position

    def _fail(self, error: errors.SidecarError) -> errors.SidecarError:
        self.failure = error
        return error
