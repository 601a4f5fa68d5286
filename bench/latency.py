"""What one caller waits for, from send to the whole reply, asked one after the other."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Final

from bench.client import exchange
from bench.errors import BenchError

if TYPE_CHECKING:
    import socket

_UNCOUNTED: Final = 200
_OK: Final = 200


def median_latency(connection: socket.socket, message: bytes, seconds: float) -> float:
    """Ask for so long, and return the median of the waits in microseconds; BenchError when an answer is not 200."""
    for _ in range(_UNCOUNTED):
        _ask(connection, message)
    waits = []
    end = time.perf_counter() + seconds
    began = time.perf_counter()
    while began < end:
        _ask(connection, message)
        ended = time.perf_counter()
        waits.append(ended - began)
        began = ended
    return statistics.median(waits) * 1e6


def _ask(connection: socket.socket, message: bytes) -> None:
    reply = exchange(connection, message)
    if reply.status != _OK:
        raise BenchError(f"answered {reply.status}")
