"""The authority of one run, and the two certificates that it issues: the upstream's, and that of every proxy."""

from __future__ import annotations

import datetime as dt
import ipaddress
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from pathlib import Path

CLIENT: Final = "bench-client"
"""The common name of the certificate with which every proxy must come."""

_SIGNS: Final = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)
_DAY: Final = dt.timedelta(days=1)


def write_certificates(folder: Path) -> None:
    """Write `ca.crt`, and `server` and `client` with their keys, on P-256, good for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(key)
    (folder / "ca.crt").write_bytes(authority.public_bytes(Encoding.PEM))
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    server = _leaf("localhost", ExtendedKeyUsageOID.SERVER_AUTH, authority).add_extension(names, critical=False)
    client = _leaf(CLIENT, ExtendedKeyUsageOID.CLIENT_AUTH, authority)
    for stem, leaf in (("server", server), ("client", client)):
        own = ec.generate_private_key(ec.SECP256R1())
        made = leaf.public_key(own.public_key()).sign(key, hashes.SHA256())
        (folder / f"{stem}.crt").write_bytes(made.public_bytes(Encoding.PEM))
        _write_key(folder / f"{stem}.key", own)


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """Return an authority as strict verifiers want it: it says what it is for, and by which key it is known."""
    public = key.public_key()
    builder = _builder("bench authority").issuer_name(_name("bench authority")).public_key(public)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    return builder.add_extension(_SIGNS, critical=True).sign(key, hashes.SHA256())


def _leaf(name: str, usage: x509.ObjectIdentifier, authority: x509.Certificate) -> x509.CertificateBuilder:
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    known = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    builder = _builder(name).issuer_name(authority.subject).add_extension(known, critical=False)
    return builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)


def _write_key(file: Path, key: ec.EllipticCurvePrivateKey) -> None:
    file.touch(mode=0o600)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _builder(name: str) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return x509.CertificateBuilder(
        subject_name=_name(name),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - _DAY,
        not_valid_after=now + _DAY,
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
