"""100 MB each way through a contender, and how long they take."""

from __future__ import annotations

import time
from typing import Final

from bench import site
from bench.client import body_length, receive, request
from bench.errors import BenchError
from bench.transport import connected

_PIECE: Final = 1_000_000
_OK: Final = b"HTTP/1.1 200"


def download(port: int) -> float:
    """Fetch 100 MB, and return MB/s; BenchError when they do not come."""
    buffer = bytearray(_PIECE)
    with connected(port) as connection:
        began = time.perf_counter()
        connection.sendall(request("GET", site.BULK))
        head = connection.recv(65536)
        while b"\r\n\r\n" not in head:
            more = connection.recv(65536)
            if not more:
                raise BenchError(f"the connection ended after {head!r}")
            head += more
        head, _, body = head.partition(b"\r\n\r\n")
        length = body_length(head + b"\r\n")
        if not head.startswith(_OK) or length != site.BULK_BYTES:
            raise BenchError(f"a download was answered {head!r}")
        left = length - len(body)
        while left:
            got = connection.recv_into(buffer)
            if not got:
                raise BenchError(f"a download ended {left} bytes too early")
            left -= got
        return length / 1e6 / (time.perf_counter() - began)


def upload(port: int) -> float:
    """Send 100 MB, and return MB/s up to the whole reply; BenchError when it is not 200."""
    piece = bytes(_PIECE)
    with connected(port) as connection:
        began = time.perf_counter()
        connection.sendall(request("POST", site.SINK, f"Content-Length: {site.BULK_BYTES}"))
        for _ in range(site.BULK_BYTES // _PIECE):
            connection.sendall(piece)
        reply = receive(connection)
        seconds = time.perf_counter() - began
    if reply.status != 200:  # noqa: PLR2004  # OK
        raise BenchError(f"an upload was answered {reply.status}")
    return site.BULK_BYTES / 1e6 / seconds
