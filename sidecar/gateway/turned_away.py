"""A connection beyond `listen.max_connections`: it is told so, costs next to nothing, and is soon gone."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from sidecar import problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.errors import SidecarError

_LAST_WORDS: Final = 1.0
"""Seconds in which the caller can read the answer; closed at once, its unread request would turn it into a reset."""


class TurnedAway(asyncio.Protocol):
    """Answers the first bytes that come with `error`, reads no more, and closes; `gone` is told when it has."""

    def __init__(self, error: SidecarError, request_id: str, gone: Callable[[TurnedAway], None]) -> None:
        self._gone = gone
        self._answer = _raw(error, request_id)
        self._said = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection over, for a second."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # what a listener makes
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


def _raw(error: SidecarError, request_id: str) -> bytes:
    body = problem.body(error, request_id)
    told = {**problem.fields(error), "Content-Length": str(len(body)), "Connection": "close"}
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\n{head}\r\n".encode() + body
