"""TLS for the upstreams of this room: what the server shows, and what the sidecar trusts."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tlsserver import server_context

from sidecar.tls.context import client_context
from sidecar.wire.client import Tls

if TYPE_CHECKING:
    import trustme


@dataclass(frozen=True, slots=True)
class Ends:
    """The contexts of both ends of a connection; of the client's there are two, as before and after a reload."""

    server: ssl.SSLContext
    clients: tuple[Tls, Tls]


@pytest.fixture
def ends(authority: trustme.CA) -> Ends:
    """A server named localhost and a client that trusts it."""
    trust = bytes(authority.cert_pem.bytes())
    before, after = (Tls(context=client_context(None, trust), presented=False) for _ in range(2))
    return Ends(server_context(authority.issue_cert("localhost"), ssl.TLSVersion.TLSv1_3), (before, after))
