from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from made import make, pem
from tlsserver import REPLY, say, server_context, serving

from sidecar.errors import ConfigError, IdentityError
from sidecar.tls.context import client_context
from sidecar.tls.handover import HandOver, in_memory, on_disk
from sidecar.tls.identity import Identity, IdentityBytes, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
both_ways = pytest.mark.parametrize("lend", [in_memory, on_disk])
both_versions = pytest.mark.parametrize("version", [V12, V13])


def trust(authority: trustme.CA) -> bytes:
    return bytes(authority.cert_pem.bytes())


def identity_of(certificate: trustme.LeafCert) -> Identity:
    content = b"".join(blob.bytes() for blob in reversed(certificate.cert_chain_pems))
    raw = IdentityBytes(certificate=content, key=certificate.private_key_pem.bytes())
    return parse(raw, None, dt.datetime.now(dt.UTC))


@pytest.fixture
def identity(authority: trustme.CA) -> Identity:
    return identity_of(authority.issue_cert("client@shop.test", common_name="shop-7"))


# ── what it is ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_chain_and_host_name_are_verified_and_nothing_older_than_tls_1_2_is_spoken(authority: trustme.CA) -> None:
    context = client_context(None, trust(authority))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert not context.hostname_checks_common_name
    assert context.minimum_version is V12


def test_without_a_ca_file_the_system_is_trusted_and_with_one_only_that(authority: trustme.CA) -> None:
    system = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    system.load_default_certs()
    assert client_context(None, None).cert_store_stats() == system.cert_store_stats()
    assert client_context(None, trust(authority)).cert_store_stats() == {"x509": 1, "x509_ca": 1, "crl": 0}


# ── speaking to real servers ────────────────────────────────────────────────────────────────────────────────────


@both_ways
@both_versions
def test_the_client_certificate_is_presented(
    version: ssl.TLSVersion, lend: HandOver, identity: Identity, authority: trustme.CA
) -> None:
    context = client_context(identity, trust(authority), hand_over=lend)
    demanding = server_context(authority.issue_cert("localhost"), version, clients=trust(authority))
    with serving(demanding) as server:
        assert say(context, server) == REPLY
    assert server.peers == ["shop-7"]
    assert server.protocols == ["http/1.1"]


@both_ways
def test_a_chain_that_a_file_holds_in_the_wrong_order_is_sent_whole(lend: HandOver, authority: trustme.CA) -> None:
    certificate = authority.create_child_ca().issue_cert("client@shop.test", common_name="shop-8")
    context = client_context(identity_of(certificate), trust(authority), hand_over=lend)
    with serving(server_context(authority.issue_cert("localhost"), V13, clients=trust(authority))) as server:
        assert say(context, server) == REPLY
    assert server.peers == ["shop-8"]


@both_versions
def test_a_server_that_demands_a_certificate_refuses_us_without_one(
    version: ssl.TLSVersion, authority: trustme.CA
) -> None:
    context = client_context(None, trust(authority))
    demanding = server_context(authority.issue_cert("localhost"), version, clients=trust(authority))
    with serving(demanding) as server, pytest.raises(OSError, match=r"(?i)alert|reset|eof"):
        say(context, server)
    assert server.peers == []


def test_a_server_may_ask_for_the_certificate_after_the_handshake(identity: Identity, authority: trustme.CA) -> None:
    asking = server_context(authority.issue_cert("localhost"), V13, clients=trust(authority))
    asking.post_handshake_auth = True
    asking.verify_mode = ssl.CERT_OPTIONAL
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client_context(identity, trust(authority)).wrap_bio(down, up, server_hostname="localhost")
    theirs = asking.wrap_bio(up, down, server_side=True)
    for step in (ours.do_handshake, theirs.do_handshake, ours.do_handshake, theirs.do_handshake):
        with contextlib.suppress(ssl.SSLWantReadError):
            step()
    assert not theirs.getpeercert()
    theirs.verify_client_post_handshake()
    theirs.write(b"who are you?")
    assert ours.read(20) == b"who are you?"
    ours.write(b"look")
    assert theirs.read(20) == b"look"
    assert theirs.getpeercert()


@both_versions
@pytest.mark.parametrize("trusted", [trust(trustme.CA()), None], ids=["another", "the system's"])
def test_a_server_of_another_authority_is_refused(
    version: ssl.TLSVersion, trusted: bytes | None, authority: trustme.CA
) -> None:
    context = client_context(None, trusted)
    with (
        serving(server_context(authority.issue_cert("localhost"), version)) as server,
        pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"),
    ):
        say(context, server)


@both_versions
def test_a_server_of_another_name_is_refused(version: ssl.TLSVersion, authority: trustme.CA) -> None:
    context = client_context(None, trust(authority))
    with (
        serving(server_context(authority.issue_cert("localhost"), version)) as server,
        pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"),
    ):
        say(context, server, host="api.finhub.test")


def test_a_common_name_names_no_host(authority: trustme.CA) -> None:
    context = client_context(None, trust(authority))
    certificate = authority.issue_cert("someone@shop.test", common_name="localhost")
    with (
        serving(server_context(certificate, V13)) as server,
        pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"),
    ):
        say(context, server)


def test_a_server_that_speaks_only_tls_1_1_is_refused(authority: trustme.CA) -> None:
    context = client_context(None, trust(authority))
    with (
        serving(server_context(authority.issue_cert("localhost"), ssl.TLSVersion.TLSv1_1)) as server,
        pytest.raises(ssl.SSLError, match=r"(?i)protocol"),
    ):
        say(context, server)


def test_an_intermediate_alone_is_anchor_enough() -> None:
    intermediate = trustme.CA().create_child_ca()
    context = client_context(None, trust(intermediate))
    with serving(server_context(intermediate.issue_cert("localhost"), V13)) as server:
        assert say(context, server) == REPLY


def test_comments_in_a_bundle_do_no_harm(authority: trustme.CA) -> None:
    context = client_context(None, "# Główny urząd\n".encode() + trust(authority) + b"# the end\n")
    with serving(server_context(authority.issue_cert("localhost"), V13)) as server:
        assert say(context, server) == REPLY


# ── revocation ──────────────────────────────────────────────────────────────────────────────────────────────────


def revoked(authority: trustme.CA, *serials: int, age: int = 0) -> bytes:
    issuer = x509.load_pem_x509_certificate(trust(authority))
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1, days=age)
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=issuer.subject, last_update=begin, next_update=begin + dt.timedelta(days=1)
    )
    for serial in serials:
        entry = x509.RevokedCertificateBuilder(serial_number=serial, revocation_date=begin).build()
        builder = builder.add_revoked_certificate(entry)
    key = load_pem_private_key(authority.private_key_pem.bytes(), None)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def serial_of(certificate: trustme.LeafCert) -> int:
    return x509.load_pem_x509_certificate(certificate.cert_chain_pems[0].bytes()).serial_number


@both_ways
def test_a_revoked_server_is_refused_and_another_of_its_authority_is_not(lend: HandOver, authority: trustme.CA) -> None:
    certificate = authority.issue_cert("localhost")
    serial = serial_of(certificate)
    good = client_context(None, trust(authority), revoked(authority, serial + 1), hand_over=lend)
    bad = client_context(None, trust(authority), revoked(authority, serial), hand_over=lend)
    with serving(server_context(certificate, V13)) as server:
        assert say(good, server) == REPLY
        with pytest.raises(ssl.SSLCertVerificationError, match="revoked"):
            say(bad, server)


def test_a_list_out_of_date_lets_nobody_in(authority: trustme.CA) -> None:
    context = client_context(None, trust(authority), revoked(authority, age=10))
    with (
        serving(server_context(authority.issue_cert("localhost"), V13)) as server,
        pytest.raises(ssl.SSLCertVerificationError, match="CRL has expired"),
    ):
        say(context, server)


# ── what cannot be used ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "detail", "remedy"),
    [
        (b"hello", "no certificate in the file", "leave the key out"),
        (b"\x30\x82\x01\x00", "binary (DER)", "openssl x509 -inform der"),
        (pem("CERTIFICATE", b"x"), "damaged", "again"),
        (b"-----BEGIN CERTIFICATE-----\n\xff\n-----END CERTIFICATE-----", "damaged", "again"),
    ],
)
def test_a_ca_file_without_certificates_is_refused(content: bytes, detail: str, remedy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        client_context(None, content)
    assert caught.value.detail.startswith("upstream.ca_file: ")
    assert detail in caught.value.detail
    assert remedy in caught.value.remedy


@both_ways
@pytest.mark.parametrize(("content", "detail"), [(b"hello", "no revocation list"), (pem("X509 CRL", b"x"), "damaged")])
def test_a_crl_file_without_lists_is_refused(
    content: bytes, detail: str, lend: HandOver, authority: trustme.CA
) -> None:
    with pytest.raises(ConfigError) as caught:
        client_context(None, trust(authority), content, hand_over=lend)
    assert caught.value.detail.startswith("upstream.crl_file: ")
    assert detail in caught.value.detail


@both_ways
def test_what_openssl_refuses_is_an_identity_error_with_its_reason(lend: HandOver, identity: Identity) -> None:
    mismatch = dataclasses.replace(identity, chain_pem=make().certificate_pem)
    with pytest.raises(IdentityError, match=r"OpenSSL refuses the certificate of .*CN=shop-7.*: KEY_VALUES_MISMATCH"):
        client_context(mismatch, None, hand_over=lend)


# ── nothing left behind ─────────────────────────────────────────────────────────────────────────────────────────


def open_files() -> set[str]:
    return {str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}


@both_ways
def test_neither_a_file_nor_a_descriptor_is_left(
    lend: HandOver, identity: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    authority = trustme.CA()
    before = len(list(Path("/proc/self/fd").iterdir()))
    client_context(identity, trust(authority), revoked(authority), hand_over=lend)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert [name for name in open_files() if "finhub-sidecar" in name] == []
    assert list(tmp_path.iterdir()) == []


def watching(lent: list[bytes]) -> Callable[[bytes], contextlib.AbstractContextManager[str]]:
    @contextlib.contextmanager
    def watched(content: bytes) -> Iterator[str]:
        lent.append(content)
        with in_memory(content) as name:
            yield name

    return watched


def test_the_key_is_lent_encrypted_and_differently_each_time(identity: Identity) -> None:
    lent: list[bytes] = []
    for _ in range(2):
        client_context(identity, None, hand_over=watching(lent))
    assert all(b"BEGIN ENCRYPTED PRIVATE KEY" in content for content in lent)
    assert all(b"BEGIN PRIVATE KEY" not in content for content in lent)
    assert len(set(lent)) == 2


def test_session_keys_are_never_written_to_sslkeylogfile(
    identity: Identity, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    context = client_context(identity, trust(authority))
    with serving(server_context(authority.issue_cert("localhost"), V13)) as server:
        assert say(context, server) == REPLY
    assert context.keylog_filename is None
    assert not (tmp_path / "keys").exists()


def test_a_bundle_that_is_only_half_written_is_refused_though_its_first_authority_is_whole(
    authority: trustme.CA,
) -> None:
    whole = trust(authority)
    with pytest.raises(ConfigError) as caught:
        client_context(None, whole + whole[: len(whole) // 2])
    assert caught.value.detail == "upstream.ca_file: the file ends in the middle of a block"
