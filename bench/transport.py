"""Sockets: a free port, a connection to loopback, and the TLS with which one goes to the upstream directly."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE: Final = 20.0


def free_port() -> int:
    """Return a port of loopback that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def mutual_tls(certificates: Path) -> ssl.SSLContext:
    """Return a context that presents the client certificate of this run and trusts its authority only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(certificates / "ca.crt")
    context.load_cert_chain(certificates / "client.crt", certificates / "client.key")
    return context


def connected(port: int, tls: ssl.SSLContext | None = None) -> socket.socket:
    """Return a connection to a port of loopback, over TLS where `tls` is given; OSError where nobody answers."""
    plain = socket.create_connection(("127.0.0.1", port), _PATIENCE)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return plain if tls is None else tls.wrap_socket(plain, server_hostname="localhost")
