from __future__ import annotations

import asyncio
import ssl
import time
from typing import TYPE_CHECKING

import pytest
from tlsserver import server_context, serving

from sidecar.errors import TlsAlertReceived
from sidecar.tls.context import client_context
from sidecar.wire import probe
from sidecar.wire.tls import Tls

if TYPE_CHECKING:
    import trustme

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> Tls:
    """What a client has that trusts the authority and has no certificate to present."""
    return Tls(client_context(None, authority.cert_pem.bytes()), presented=False)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_server_that_keeps_the_connection_refuses_nothing(
    authority: trustme.CA, tls: Tls, version: ssl.TLSVersion
) -> None:
    began = time.monotonic()
    with serving(server_context(authority.issue_cert("localhost"), version)) as server:
        assert await probe.handshake("localhost", server.port, tls) == version.name.replace("_", ".")
    assert time.monotonic() - began >= probe.AFTERTHOUGHT


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_server_that_misses_a_certificate_says_so_every_time(
    authority: trustme.CA, tls: Tls, version: ssl.TLSVersion
) -> None:
    context = server_context(authority.issue_cert("localhost"), version, clients=authority.cert_pem.bytes())
    with serving(context) as server:
        for _ in range(20):
            with pytest.raises((ssl.SSLError, TlsAlertReceived), match=r"(?i)handshake.failure|certificate.required"):
                await probe.handshake("localhost", server.port, tls)


async def test_nothing_is_sent(tls: Tls, authority: trustme.CA) -> None:
    heard: list[bytes] = []
    context = await asyncio.to_thread(server_context, authority.issue_cert("localhost"), ssl.TLSVersion.TLSv1_3)

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heard.append(await reader.read(1))
        except OSError:
            heard.append(b"")
        await probe.hang_up(writer)

    async with await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context) as server:
        await probe.handshake("localhost", server.sockets[0].getsockname()[1], tls)
        await asyncio.sleep(0.05)
    assert heard == [b""]
