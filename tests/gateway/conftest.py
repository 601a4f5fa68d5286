"""TLS for the upstreams of this room: what the server shows, and what the sidecar trusts."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import uvloop
from tlsserver import server_context

from sidecar.tls.context import client_context
from sidecar.wire.tls import Tls

if TYPE_CHECKING:
    from collections.abc import Callable

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


def _of_upstream(item: pytest.Item) -> bool:
    return item.path.parent.name == "upstream" or item.path.name == "test_upstream.py"


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]] | None:
    """Run the tests of the upstream leg on both event loops, since each has a TLS transport of its own."""
    if not _of_upstream(item):
        return None
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}
