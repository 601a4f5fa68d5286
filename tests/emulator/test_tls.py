from __future__ import annotations

import datetime as dt
import ssl
from dataclasses import replace

import pytest

from sidecar.emulator.certificates import generate
from sidecar.emulator.environments import INTEGRATION, PLAYGROUND, PRODUCTION, Environment
from sidecar.emulator.tls import server_context
from sidecar.errors import ConfigError

CERTIFICATES = generate("8812345", dt.datetime.now(dt.UTC))


def test_the_playground_is_without_tls() -> None:
    assert server_context(CERTIFICATES, PLAYGROUND) is None


@pytest.mark.parametrize(("rules", "mode"), [(INTEGRATION, ssl.CERT_OPTIONAL), (PRODUCTION, ssl.CERT_REQUIRED)])
def test_the_environment_decides_whether_a_client_certificate_must_come(
    rules: Environment, mode: ssl.VerifyMode
) -> None:
    context = server_context(CERTIFICATES, rules)
    assert context is not None
    assert context.verify_mode == mode
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("broken", ["server_pem", "server_key_pem", "ca_pem"])
@pytest.mark.parametrize("content", [b"", b"no PEM", b"\xff"])
def test_certificates_that_cannot_be_served_with_are_told_with_the_remedy(broken: str, content: bytes) -> None:
    with pytest.raises(ConfigError, match="the certificates cannot be used") as refusal:
        server_context(replace(CERTIFICATES, **{broken: content}), PRODUCTION)
    assert "certs dev" in refusal.value.remedy


def talk(sender: ssl.MemoryBIO, receiver: ssl.MemoryBIO) -> None:
    receiver.write(sender.read())


def test_a_refused_client_is_told_why_before_the_refusal_counts() -> None:
    context = server_context(CERTIFICATES, PRODUCTION)
    assert context is not None
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    from_server, from_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    trusting = ssl.create_default_context(cadata=CERTIFICATES.ca_pem.decode())
    client = trusting.wrap_bio(from_server, from_client, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    talk(from_client, to_server)
    with pytest.raises(ssl.SSLWantReadError):
        server.do_handshake()
    talk(to_client, from_server)
    client.do_handshake()
    talk(from_client, to_server)
    with pytest.raises(ssl.SSLWantReadError):
        server.do_handshake()
    talk(to_client, from_server)
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
        client.read()
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        server.do_handshake()


def test_while_the_certificate_counts_as_expired_every_handshake_is_refused_so() -> None:
    said = [True]
    context = server_context(CERTIFICATES, INTEGRATION, lambda: said[0])
    assert context is not None
    assert "EXPIRED" in hello(context)
    said[0] = False
    assert hello(context) == "WANT_READ"


def hello(context: ssl.SSLContext) -> str:
    """Shake hands as far as it goes; return why the client stops."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    from_server, from_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    trusting = ssl.create_default_context(cadata=CERTIFICATES.ca_pem.decode())
    client = trusting.wrap_bio(from_server, from_client, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    talk(from_client, to_server)
    with pytest.raises(ssl.SSLWantReadError):
        server.do_handshake()
    talk(to_client, from_server)
    try:
        client.do_handshake()
    except ssl.SSLError as error:
        return str(error.reason)
    return "WANT_READ"
