"""A TLS server on a thread of its own: it speaks as OpenSSL itself does, alerts included (asyncio loses some)."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import trustme

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(slots=True)
class Server:
    """What a server saw: whom, and which protocol was chosen."""

    context: ssl.SSLContext | None
    socket: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    peers: list[str] = field(default_factory=list)
    protocols: list[str | None] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Return the port that was found free."""
        return int(self.socket.getsockname()[1])

    def run(self) -> None:
        """Serve one connection after the other until the socket is shut."""
        with contextlib.suppress(OSError):
            while True:
                plain, _ = self.socket.accept()
                plain.settimeout(5)
                with plain, contextlib.suppress(OSError):
                    self._serve(plain)

    def _serve(self, plain: socket.socket) -> None:
        if self.context is None:
            plain.recv(1000)
            plain.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return
        with self.context.wrap_socket(plain, server_side=True) as tls:
            self.protocols.append(tls.selected_alpn_protocol())
            self.peers += common_names(tls.getpeercert() or {})
            if tls.recv(1000):
                tls.sendall(REPLY)


@contextlib.contextmanager
def serving(context: ssl.SSLContext | None) -> Iterator[Server]:
    """Run a server; without a context it answers in plain HTTP, whatever it is told."""
    server = Server(context)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.socket.shutdown(socket.SHUT_RDWR)
        server.socket.close()
        thread.join()


def server_context(
    certificate: trustme.LeafCert | str, version: ssl.TLSVersion, *, clients: bytes | None = None
) -> ssl.SSLContext:
    """Return a context for one TLS version; `clients` is the PEM of the CAs whose client certificate it demands.

    `certificate` is trustme's, or the name of a PEM file that holds chain and key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # an old version can be the very thing under test
        context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")  # weakness is for the client to refuse
    context.set_alpn_protocols(["h2", "http/1.1"])
    if isinstance(certificate, str):
        context.load_cert_chain(certificate)
    else:
        certificate.configure_cert(context)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.decode())
    return context


def say(context: ssl.SSLContext, server: Server, host: str = "localhost") -> bytes:
    """Send a request over TLS, and return the first bytes of the reply."""
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=host) as tls,
    ):
        tls.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return tls.recv(100)


def common_names(peer: dict[str, object]) -> list[str]:
    """Return the common names in what `getpeercert` gave."""
    subject = peer.get("subject", ())
    assert isinstance(subject, tuple)
    return [value for part in subject for key, value in part if key == "commonName"]
