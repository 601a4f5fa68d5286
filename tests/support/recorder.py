"""An upstream made of bytes: a real TLS server that keeps what arrived on each connection, and answers by script."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from messages import Request, Unsound, Wire, read_body, read_request_head
from tlsserver import common_names

if TYPE_CHECKING:
    from collections.abc import Callable

    import trustme

    Script = Callable[["Exchange"], None]
    Choose = Callable[[Request], Script]

OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_PATIENCE: Final = 30.0
_FAREWELL: Final = 1.0


@dataclass(slots=True)
class Connection:
    """One connection: its number, whose certificate came with it, every byte that arrived, and how it ended."""

    number: int
    peer: str = ""
    raw: bytearray = field(default_factory=bytearray)
    fault: str = ""  # why the last thing that arrived was no whole request, "" when it was one


@dataclass(frozen=True, slots=True)
class Arrival:
    """A whole, well-formed request, and the connection that it came on."""

    request: Request
    connection: Connection


@dataclass(slots=True)
class Exchange:
    """What a script can do with one request: read its body, send bytes, end the connection."""

    request: Request
    _wire: Wire
    _tls: ssl.SSLSocket
    _arrived: Callable[[Request], None]
    is_open: bool = True
    _is_read: bool = False

    def read_body(self) -> bytes:
        """Read the body, once; the request counts as arrived with its last byte."""
        if not self._is_read:
            self._is_read = True
            body, trailers = read_body(self._wire, self.request)
            self.request = dataclasses.replace(self.request, body=body, trailers=trailers)
            self._arrived(self.request)
        return self.request.body

    def send(self, *pieces: bytes, pause: float = 0.0) -> None:
        """Send the pieces, with so many seconds between them."""
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(pause)
            self._tls.sendall(piece)

    def finish(self) -> None:
        """End the connection as TLS asks: with a close_notify."""
        self.is_open = False
        self._tls.settimeout(_FAREWELL)
        with contextlib.suppress(OSError, ValueError):
            self._tls.unwrap()

    def linger(self) -> None:
        """End the connection once the other end has: whatever it still sends is read and dropped."""
        self.is_open = False
        while self._wire.more():
            pass

    def cut(self) -> None:
        """End the connection without a close_notify: bytes that are still on their way arrive, then the end."""
        self.is_open = False
        with contextlib.suppress(OSError):
            self._tls.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        self.is_open = False
        self._tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def answer(reply: bytes) -> Script:
    """Return the script that reads the whole request and then sends these bytes."""

    def script(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.send(reply)

    return script


class Recorder:
    """The server, on threads of its own. Use it in a `with` statement.

    Attributes:
        arrivals: every whole request, in order.
        connections: every connection with a finished handshake, in order.
    """

    def __init__(self, authority: trustme.CA, choose: Choose) -> None:
        self.arrivals: list[Arrival] = []
        self.connections: list[Connection] = []
        self._choose = choose
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(self._context)
        authority.configure_trust(self._context)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    @property
    def authority(self) -> str:
        """Return host and port, as a Host field names them."""
        return f"127.0.0.1:{self._server.getsockname()[1]}"

    @property
    def url(self) -> str:
        """Return the origin."""
        return f"https://{self.authority}"

    def faults(self) -> list[Connection]:
        """Return the connections on which something arrived that was no whole request."""
        return [connection for connection in self.connections if connection.fault]

    def forget(self) -> None:
        """Drop the arrivals so far: a long run need not keep them all."""
        self.arrivals.clear()

    # ── life ────────────────────────────────────────────────────────────────────────────────────────────────

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        with self._lock:
            for plain in self._sockets:
                with contextlib.suppress(OSError):
                    plain.shutdown(socket.SHUT_RDWR)
        while self._threads:
            self._threads.pop().join()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = self._server.accept()
                plain.settimeout(_PATIENCE)
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._start(self._serve, plain)

    def _serve(self, plain: socket.socket) -> None:
        """Carry one connection from its handshake to its end; what a peer does wrong is recorded, not raised."""
        with plain, contextlib.suppress(OSError), self._context.wrap_socket(plain, server_side=True) as tls:
            with self._lock:
                self._sockets.add(tls)
                connection = Connection(len(self.connections) + 1, "".join(common_names(tls.getpeercert() or {})))
                self.connections.append(connection)
            try:
                self._converse(tls, connection)
            except Unsound as fault:
                connection.fault = str(fault)
            finally:
                with self._lock:
                    self._sockets.discard(tls)

    def _converse(self, tls: ssl.SSLSocket, connection: Connection) -> None:
        wire = Wire(lambda: _received(tls), connection.raw)

        def arrived(request: Request) -> None:
            self.arrivals.append(Arrival(request, connection))

        while not wire.is_over():
            exchange = Exchange(read_request_head(wire), wire, tls, arrived)
            self._choose(exchange.request)(exchange)
            if not exchange.is_open:
                return
            exchange.read_body()


def _received(tls: ssl.SSLSocket) -> bytes:
    """Return what arrived; a reset, a cut or a shut-down server is an end like any other."""
    try:
        return tls.recv(65536)
    except OSError:
        return b""
