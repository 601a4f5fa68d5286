from __future__ import annotations

import ssl

from sidecar.wire.tls import Tls


def test_plain_http_gives_aiohttp_what_it_does_not_look_at() -> None:
    assert Tls(context=None, presented=False).for_aiohttp is True


def test_tls_gives_aiohttp_its_context() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert Tls(context=context, presented=True).for_aiohttp is context
