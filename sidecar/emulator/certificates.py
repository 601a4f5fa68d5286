"""Certificates for an afternoon: an authority of our own, a server and a client that it vouches for."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from sidecar.redact import Secret

_ORGANIZATION: Final = "FinHub Emulator"
_VALID_FOR: Final = dt.timedelta(days=90)  # long enough that nobody is warned of their end
_CLOCK_SKEW: Final = dt.timedelta(minutes=5)
_SERVER_NAMES: Final = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """PEM texts; the keys are unencrypted and live in memory until somebody writes them."""

    ca_pem: bytes
    server_pem: bytes
    server_key_pem: bytes = field(repr=False)
    client_pem: bytes
    client_key_pem: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Issuer:
    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    now_utc: dt.datetime


def generate(client_organization: str, now_utc: dt.datetime) -> Certificates:
    """Return an authority, a server for localhost and a client of `client_organization`, valid for 90 days."""
    issuer = _Issuer(_name("FinHub Emulator CA", _ORGANIZATION), ec.generate_private_key(ec.SECP256R1()), now_utc)
    server_key = ec.generate_private_key(ec.SECP256R1())
    client_key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName(_SERVER_NAMES)
    server = _leaf(_name("localhost", _ORGANIZATION), server_key, ExtendedKeyUsageOID.SERVER_AUTH, issuer)
    client = _leaf(_name("finhub-sidecar", client_organization), client_key, ExtendedKeyUsageOID.CLIENT_AUTH, issuer)
    return Certificates(
        ca_pem=_pem(_authority(issuer)),
        server_pem=_pem(server.add_extension(names, critical=False).sign(issuer.key, hashes.SHA256())),
        server_key_pem=_key_pem(server_key),
        client_pem=_pem(client.sign(issuer.key, hashes.SHA256())),
        client_key_pem=_key_pem(client_key),
    )


def client_pkcs12(certificates: Certificates, password: Secret) -> bytes:
    """Return the client's certificate, key and chain as PKCS#12, sealed with `password`."""
    key = serialization.load_pem_private_key(certificates.client_key_pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the client key is no EC key")
    return pkcs12.serialize_key_and_certificates(
        b"finhub-sidecar",
        key,
        x509.load_pem_x509_certificate(certificates.client_pem),
        [x509.load_pem_x509_certificate(certificates.ca_pem)],
        serialization.BestAvailableEncryption(password.reveal().encode()),
    )


def _name(common_name: str, organization: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _builder(subject: x509.Name, key: ec.EllipticCurvePrivateKey, issuer: _Issuer) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(issuer.now_utc - _CLOCK_SKEW)
        .not_valid_after(issuer.now_utc + _VALID_FOR)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )


def _authority(issuer: _Issuer) -> x509.Certificate:
    return (
        _builder(issuer.name, issuer.key, issuer)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(issuer.key, hashes.SHA256())
    )


def _leaf(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, purpose: x509.ObjectIdentifier, issuer: _Issuer
) -> x509.CertificateBuilder:
    return (
        _builder(subject, key, issuer)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
