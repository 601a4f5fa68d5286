"""Certificates made for one test each: whatever a real CA would refuse to issue."""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

NOW = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Made:
    """A certificate with its key, and what they look like in files."""

    key: Key
    certificate: x509.Certificate

    @property
    def certificate_pem(self) -> bytes:
        """Return the certificate as PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """Return the key as unencrypted PKCS#8 PEM."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sealed_key_pem(self, password: str, how: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
        """Return the key as encrypted PEM."""
        return self.key.private_bytes(Encoding.PEM, how, BestAvailableEncryption(password.encode()))

    def pkcs12(self, *chain: Made, password: str | None = None) -> bytes:
        """Return both and the chain as PKCS#12."""
        encryption = NoEncryption() if password is None else BestAvailableEncryption(password.encode())
        others = [one.certificate for one in chain]
        return serialize_key_and_certificates(b"shop", self.key, self.certificate, others, encryption)


def make(
    name: str = "shop-7",
    *,
    issuer: Made | None = None,
    key: Key | None = None,
    begin: dt.datetime = NOW - 10 * DAY,
    end: dt.datetime = NOW + 90 * DAY,
    usages: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.CLIENT_AUTH,),
    host: str | None = None,
    ca: bool = False,
) -> Made:
    """Make a certificate; a test names what is special about its own. Without `issuer` it signs itself."""
    own = ec.generate_private_key(ec.SECP256R1()) if key is None else key
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer.certificate.subject if issuer else subject,
        public_key=own.public_key(),
        serial_number=0xABC123,
        not_valid_before=begin,
        not_valid_after=end,
    )
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if host is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    signer = issuer.key if issuer else own
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Made(own, builder.sign(signer, digest))


def pem(label: str, der: bytes) -> bytes:
    """Return `der` as a PEM block."""
    return f"-----BEGIN {label}-----\n{base64.encodebytes(der).decode()}-----END {label}-----\n".encode()


def with_unknown_key(made: Made) -> bytes:
    """Return the certificate as PEM, its EC key's algorithm turned into one that does not exist."""
    der = made.certificate.public_bytes(Encoding.DER)
    return pem("CERTIFICATE", der.replace(bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d0277")))
