from __future__ import annotations

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sidecar.emulator.certificates import client_pkcs12, generate
from sidecar.redact import Secret

NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
CERTIFICATES = generate("8812345", NOW)


def parsed(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def purposes(pem: bytes) -> list[x509.ObjectIdentifier]:
    return list(parsed(pem).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_the_authority_signs_both() -> None:
    authority = parsed(CERTIFICATES.ca_pem)
    for pem in (CERTIFICATES.server_pem, CERTIFICATES.client_pem):
        parsed(pem).verify_directly_issued_by(authority)
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert authority.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_the_server_is_known_by_every_name_of_this_machine() -> None:
    names = parsed(CERTIFICATES.server_pem).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]


def test_each_certificate_serves_one_purpose() -> None:
    assert purposes(CERTIFICATES.server_pem) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert purposes(CERTIFICATES.client_pem) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_the_client_bears_its_organization() -> None:
    subject = parsed(CERTIFICATES.client_pem).subject
    assert [name.value for name in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == ["8812345"]


def test_certificates_hold_for_three_months_and_forgive_a_slow_clock() -> None:
    client = parsed(CERTIFICATES.client_pem)
    assert client.not_valid_before_utc < NOW
    assert client.not_valid_after_utc == NOW + dt.timedelta(days=90)


def test_the_key_is_the_certificates_and_on_p256() -> None:
    key = load_pem_private_key(CERTIFICATES.client_key_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.curve.name == "secp256r1"
    assert key.public_key() == parsed(CERTIFICATES.client_pem).public_key()


def test_the_archive_holds_the_same_and_opens_with_its_password_only() -> None:
    archive = client_pkcs12(CERTIFICATES, Secret("a made-up password"))
    key, certificate, chain = pkcs12.load_key_and_certificates(archive, b"a made-up password")
    assert certificate == parsed(CERTIFICATES.client_pem)
    assert chain == [parsed(CERTIFICATES.ca_pem)]
    assert key is not None
    assert b"PRIVATE" not in archive


def test_no_key_shows() -> None:
    assert "PRIVATE" not in repr(CERTIFICATES)
