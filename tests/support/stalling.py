"""Callers that stop in the middle."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MIB = 1024 * 1024


@contextlib.asynccontextmanager
async def stalled(place: Any, number: int, first: bytes) -> AsyncIterator[Any]:
    """Keep `number` connections open that have sent `first` and say no more."""
    connections = await asyncio.gather(*(place.connect() for _ in range(number)))
    try:
        for _, writer in connections:
            writer.write(first)
        yield connections
    finally:
        for _, writer in connections:
            writer.transport.abort()


def upload(sent: int) -> bytes:
    head = f"POST /api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MIB}\r\n\r\n"
    return head.encode() + b"x" * sent
