"""A caller made of bytes: it sends exactly what it is told, in the pieces it is told, and reads what comes back."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Final, Self

from messages import Wire, read_reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from messages import Reply

PATIENCE: Final = 15.0
"""Seconds after which a read fails: longer than any bound of the programs under test."""

_PAUSE: Final = 0.003


class Caller:
    """One connection to `address` ("HOST:PORT" or "unix:PATH"). Use it in a `with` statement."""

    def __init__(self, address: str) -> None:
        self._socket = _connect(address)
        self._socket.settimeout(PATIENCE)
        self.wire = Wire(self._receive)
        self.was_reset = False

    def send(self, *pieces: bytes) -> None:
        """Send the pieces with a pause between them, each to be read by itself; a peer that hung up is no error."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for number, piece in enumerate(pieces):
                if number:
                    time.sleep(_PAUSE)
                self._socket.sendall(piece)

    @contextlib.contextmanager
    def sending(self, data: bytes) -> Iterator[None]:
        """Send while the block reads: who writes much without reading waits for an other end that waits for it."""
        thread = threading.Thread(target=self.send, args=(data,))
        thread.start()
        try:
            yield
        finally:
            self.half_close()
            thread.join()

    def reply(self, method: bytes = b"GET") -> Reply:
        """Return the next reply; messages.Unsound for what is none, Incomplete for one that is cut."""
        return read_reply(self.wire, method)

    def half_close(self) -> None:
        """Send the end of our direction, and go on reading."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def abort(self) -> None:
        """Reset the connection: the other end sees an error, not an end."""
        if self._socket.family != socket.AF_UNIX:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def is_closed_within(self, seconds: float) -> bool:
        """Tell whether the other end closes, without a further byte, within so many seconds."""
        self._socket.settimeout(seconds)
        try:
            return self.wire.is_over()
        except TimeoutError:
            return False
        finally:
            self._socket.settimeout(PATIENCE)

    def rest(self) -> bytes:
        """Return everything up to the end of the connection."""
        return self.wire.rest()

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(65536)
        except ConnectionResetError:
            self.was_reset = True
            return b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def ask(address: str, request: bytes, method: bytes = b"GET") -> Reply:
    """Return the reply to one request on a connection of its own."""
    with Caller(address) as caller:
        caller.send(request)
        return caller.reply(method)


def chunked(pieces: Iterable[bytes]) -> bytes:
    """Return the pieces as a chunked body with its last chunk."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"


def _connect(address: str) -> socket.socket:
    if address.startswith("unix:"):
        local = socket.socket(socket.AF_UNIX)
        local.connect(address.removeprefix("unix:"))
        return local
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection
