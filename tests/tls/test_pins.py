"""A trusted certificate with another key than the pinned ones is refused before a byte of ours is sent."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from base64 import b64encode
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tlsserver import REPLY, server_context, serving

from sidecar.errors import TlsCertificateError
from sidecar.tls.context import client_context
from sidecar.tls.pins import PinMismatch, pin_of
from sidecar.wire.tls_trouble import classify

if TYPE_CHECKING:
    import trustme

OTHER = b64encode(bytes(32)).decode()


def pin(certificate: trustme.LeafCert) -> str:
    leaf = x509.load_pem_x509_certificate(certificate.cert_chain_pems[0].bytes())
    key = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b64encode(hashlib.sha256(key).digest()).decode()


async def ask(port: int, context: ssl.SSLContext) -> bytes:
    """Ask over an asyncio connection: what an event loop makes of a context is what both doors use."""
    reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    reply = await reader.read(100)
    writer.close()
    return reply


def test_a_pin_is_the_digest_of_the_public_key_info(authority: trustme.CA) -> None:
    certificate = authority.issue_cert("localhost")
    leaf = x509.load_pem_x509_certificate(certificate.cert_chain_pems[0].bytes())
    assert pin_of(leaf.public_bytes(Encoding.DER)) == pin(certificate)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_one_of_several_pins_is_enough(authority: trustme.CA, version: ssl.TLSVersion) -> None:
    certificate = authority.issue_cert("localhost")
    context = await asyncio.to_thread(client_context, None, authority.cert_pem.bytes(), pins=(OTHER, pin(certificate)))
    with serving(server_context(certificate, version)) as server:
        assert await ask(server.port, context) == REPLY


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_another_key_is_refused_though_the_chain_is_trusted(
    authority: trustme.CA, version: ssl.TLSVersion
) -> None:
    certificate = authority.issue_cert("localhost")
    context = await asyncio.to_thread(client_context, None, authority.cert_pem.bytes(), pins=(OTHER,))
    with serving(server_context(certificate, version)) as server, pytest.raises(PinMismatch) as refusal:
        await ask(server.port, context)
    trouble = classify(refusal.value, presented=False)
    assert isinstance(trouble, TlsCertificateError)
    assert pin(certificate) in trouble.detail
    assert "upstream.pins" in trouble.remedy
