"""The least client: one request after the other on one connection, whole replies, little work of its own."""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench import site
from bench.errors import BenchError
from bench.transport import connected

if TYPE_CHECKING:
    import socket
    import ssl
    import subprocess

_LENGTH: Final = re.compile(rb"^content-length: *(\d+)\r$", re.IGNORECASE | re.MULTILINE)
_HEAD_END: Final = b"\r\n\r\n"
_STARTS_WITHIN: Final = 30.0
_POLL: Final = 0.0005


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply."""

    status: int
    body: bytes


def request(method: str, path: str, *fields: str) -> bytes:
    """Return the bytes of a request to loopback."""
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: localhost", *fields, "", "")).encode()


ASKED: Final = request("GET", site.PATH)
"""The request that is counted: of a caller that knows nothing of FinHub."""


def exchange(connection: socket.socket, message: bytes) -> Reply:
    """Send a request and return its whole reply; BenchError when the other side ends first."""
    connection.sendall(message)
    return receive(connection)


def receive(connection: socket.socket) -> Reply:
    """Return the next reply, which must say its length; BenchError when the other side ends first."""
    read = connection.recv(65536)
    while (end := read.find(_HEAD_END)) < 0:
        read += _more(connection)
    whole = end + len(_HEAD_END) + body_length(read[: end + 2])
    while len(read) < whole:
        read += _more(connection)
    return Reply(int(read[9:12]), read[end + len(_HEAD_END) :])


def body_length(head: bytes) -> int:
    """Return the length of the body that follows a head; BenchError where none is said."""
    found = _LENGTH.search(head)
    if found is None:
        raise BenchError(f"a reply without a Content-Length: {head[:200]!r}")
    return int(found[1])


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise BenchError("the connection ended in the middle of a reply")
    return data


def first_answer(
    port: int, process: subprocess.Popen[bytes], message: bytes, tls: ssl.SSLContext | None = None
) -> float:
    """Ask until the answer is 200, and return the moment (`time.perf_counter`); BenchError when it never is."""
    end = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < end:
        if process.poll() is not None:
            raise BenchError(f"{process.args!r} ended with {process.returncode}: its folder's stderr tells why")
        with contextlib.suppress(OSError, BenchError), connected(port, tls) as connection:
            if exchange(connection, message).status == 200:  # noqa: PLR2004  # OK
                return time.perf_counter()
        time.sleep(_POLL)
    raise BenchError(f"{process.args!r} did not answer 200 within {_STARTS_WITHIN:g} s")
