"""FinHub's reply in the hands of whoever asked for it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, Self

from sidecar import errors
from sidecar.gateway.upstream.answer import HELD
from sidecar.gateway.upstream.deadlines import NEVER
from sidecar.gateway.upstream.request import PREFETCH
from sidecar.rawfields import first
from sidecar.wire import trouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sidecar.gateway.slots import Slots
    from sidecar.gateway.upstream.answer import Answer
    from sidecar.gateway.upstream.connection import Connection
    from sidecar.rawfields import RawFields

_PATIENCE_WITH_THE_UNWANTED: Final = 1.0
"""Seconds to wait for the rest of a reply that nobody will read: longer is worth a new connection."""


class Reply:
    """FinHub's reply: status and fields are here, the body is read once. A context that gives back all it took.

    Attributes:
        slots: where its connection is counted.
    """

    __slots__ = ("_answer", "_begun", "_closed", "_idle", "_loop", "_origin", "_sending", "fields", "slots", "status")

    def __init__(
        self, answer: Answer, sending: asyncio.Task[None] | None, idle: float, slots: Slots, origin: str
    ) -> None:
        self.status = answer.status
        self.fields: RawFields = answer.fields
        self.slots = slots
        self._answer = answer
        self._sending = sending
        self._idle = idle
        self._origin = origin
        self._loop = asyncio.get_running_loop()
        self._begun = False
        self._closed = False

    @property
    def reason(self) -> bytes:
        """The reason phrase, as it came."""
        return self._answer.reason

    @property
    def whole(self) -> bytes | None:
        """The body in one piece when all of it is here and none of it was yielded yet, else None."""
        answer = self._answer
        if self._begun or not answer.ended:
            return None
        parts = answer.parts
        if len(parts) > 1:
            answer.parts = parts = [b"".join(parts)]
        return parts[0] if parts else b""

    async def peek(self, size: int) -> bytes:
        """Return up to `size` first bytes of the body, at most 256 KiB; `chunks` still yields them."""
        wanted = min(size, HELD)
        while self._answer.held < wanted and await self._has_more():
            pass
        return b"".join(self._answer.parts)[:size]

    def change(self, fields: RawFields, body: bytes) -> None:
        """Put others in the place of fields and body, all of which is here and none of which was yielded yet."""
        answer = self._answer
        self.fields, answer.parts, answer.held = fields, [body], len(body)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; ConnectionTerminated or ResponseTimeout when it ends before its end."""
        answer, self._begun = self._answer, True
        while answer.parts or await self._has_more():
            yield answer.take()

    async def _has_more(self) -> bool:
        """Return once more bytes are here, or False at the end; only that long is it FinHub that we wait for."""
        answer = self._answer
        before = answer.held
        while answer.held == before:
            if answer.ended:
                return False
            if answer.failure is not None:
                raise self._told(answer.failure) from None
            await self._wait(answer)
        return True

    async def _wait(self, answer: Answer) -> None:
        connection = answer.connection
        if connection is None:
            answer.fail(trouble.Unanswered("the connection was given up"))  # else the loop would turn here for ever
            return
        connection.allow(self._idle)
        try:
            await answer.more(self._loop)
        finally:
            if answer.connection is connection:
                connection.deadline = NEVER

    def _told(self, failure: Exception) -> errors.SidecarError:
        if isinstance(failure, errors.SidecarError):
            return failure
        if isinstance(failure, trouble.Unanswered):
            return errors.ConnectionTerminated(f"{self._origin}: the reply was cut short")
        if isinstance(failure, TimeoutError):
            return errors.ResponseTimeout(f"no byte of the reply for {self._idle:g} s")
        return trouble.translate(failure, to=self._origin, presented=True)

    @property
    def is_coded(self) -> bool:
        """Tell whether the body is content-coded (RFC 9110 §8.4), so that it cannot be read as it is."""
        return first(self.fields, b"content-encoding") is not None

    # ── behind a switch of protocols ────────────────────────────────────────────────────────────────────────

    async def write(self, data: bytes) -> bool:
        """Send bytes, and return once FinHub keeps up; False if it takes none any more.

        What goes there counts against the time without a byte as what comes does.
        """
        connection = self._answer.connection
        if connection is None or not await connection.write(data):
            return False
        self._allow_again(connection)
        return True

    def end_sending(self, patience: float) -> None:
        """Send no more; FinHub may say nothing for so many seconds from now on, and then has ended, too."""
        self._idle = min(self._idle, patience)
        connection = self._answer.connection
        if connection is not None:
            connection.end_writing()
            self._allow_again(connection)

    def end(self) -> None:
        """End the connection in order: what was written goes out, if FinHub takes it."""
        connection, self._answer.connection = self._answer.connection, None
        if connection is not None:
            self._answer.fail(trouble.Unanswered("nobody waits for more"))  # from now on time ends it at once
            connection.close()
            connection.allow(_PATIENCE_WITH_THE_UNWANTED)

    def _allow_again(self, connection: Connection) -> None:
        if connection.deadline != NEVER:
            connection.allow(self._idle)

    async def discard(self) -> None:
        """Give the reply up; its connection is kept where the rest of the reply is short and there already."""
        try:
            if not self._answer.ended:
                with contextlib.suppress(errors.UpstreamError, TimeoutError):
                    async with asyncio.timeout(_PATIENCE_WITH_THE_UNWANTED):
                        await self.peek(PREFETCH)
        finally:
            self.close()

    def close(self) -> None:
        """Give back all that was taken. A connection not free by now lacks the end of the reply, or of the request."""
        if self._closed:
            return
        self._closed = True
        if self._sending is not None:
            self._sending.cancel()
        if self._answer.connection is not None:
            self._answer.connection.abort()
        self.slots.give()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
