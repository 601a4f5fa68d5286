"""A connection beyond `listen.max_connections`: it is told so, costs next to nothing, and is soon gone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sidecar.gateway import rescue
from sidecar.gateway.own_reply import last_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.errors import SidecarError

_LAST_WORDS: Final = 1.0
"""Seconds in which the caller can read the answer; closed at once, its unread request would turn it into a reset."""


class TurnedAway(asyncio.Protocol):
    """Answers the first bytes that come with `error`, reads no more, and closes; `gone` is told when it has."""

    def __init__(self, error: SidecarError, request_id: str, gone: Callable[[TurnedAway], None]) -> None:
        self._gone = gone
        self._answer = last_words(rescue.reply_to(error, request_id))
        self._said = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # what a listener makes
        """Take the connection over, for a second."""
        self._transport = transport
        self._end = asyncio.get_running_loop().call_later(_LAST_WORDS, transport.abort)

    def data_received(self, data: bytes) -> None:  # noqa: ARG002  # whatever was asked, this is the answer
        """Answer, once."""
        if not self._said:
            self._said = True
            self._transport.write(self._answer)
            if self._transport.can_write_eof():
                self._transport.write_eof()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """Forget the connection."""
        self._end.cancel()
        self._gone(self)
