from __future__ import annotations

import asyncio
import ssl
import time
from typing import TYPE_CHECKING

import origin
import pytest
from proxying import answering, tunnelling
from tlsserver import server_context, serving
from yarl import URL

from sidecar.errors import TlsAlertReceived
from sidecar.tls.context import client_context
from sidecar.wire import probe
from sidecar.wire.proxy import proxy
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


# ── through a proxy ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_probe_goes_through_the_proxy_and_speaks_tls_with_the_server_behind_it(
    authority: trustme.CA, tls: Tls
) -> None:
    context = server_context(authority.issue_cert("finhub.test"), ssl.TLSVersion.TLSv1_3)
    with serving(context) as server:
        async with origin.serving(tunnelling(to=server.port)) as between:
            assert await probe.handshake("finhub.test", 443, tls, proxy(between.url, None, None)) == "TLSv1.3"
            assert [asked.target for asked in between.requests] == [b"finhub.test:443"]


async def test_a_tunnel_that_is_refused_tells_nothing_about_the_reply_that_was_lost(tls: Tls) -> None:
    async with origin.serving(answering(b"HTTP/1.1 403 Filtered\r\n\r\n")) as between:
        way = proxy(between.url, None, None)
        lost = ConnectionResetError(104, "reset")
        assert await probe.refusal(lost, URL("https://finhub.test"), tls, connect=2.0, proxy=way) is None
        assert len(between.requests) == 1
