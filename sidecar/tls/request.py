"""A new private key, and the request for FinHub's certificate for it (PKCS#10, RFC 2986)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sidecar.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sidecar.redact import Secret

    Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

KINDS: Final[Mapping[str, Callable[[], Key]]] = {
    "rsa:2048": lambda: rsa.generate_private_key(65537, 2048),
    "rsa:3072": lambda: rsa.generate_private_key(65537, 3072),
    "rsa:4096": lambda: rsa.generate_private_key(65537, 4096),
    "ec:p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ec:p384": lambda: ec.generate_private_key(ec.SECP384R1()),
}

LONGEST_PASSWORD: Final = 1023
"""Bytes of a password that OpenSSL takes."""

_COUNTRY: Final = re.compile(r"[A-Za-z]{2}")
_PARTS: Final = {
    "country": NameOID.COUNTRY_NAME,
    "organization": NameOID.ORGANIZATION_NAME,
    "unit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "common_name": NameOID.COMMON_NAME,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, and the key that belongs to it, both as PEM."""

    request_pem: bytes
    key_pem: bytes = field(repr=False)


def ask(kind: str, subject: Mapping[str, str | None], password: Secret | None) -> Asked:
    """Return a key of `kind` (one of KINDS) and a request for `subject`: a client's, signed with SHA-256.

    `subject` has country, organization, unit and common_name, each or None. `password` seals the key.
    Raises ConfigError where X.509 has no such name, or the password is too long to seal with.
    """
    name = _name(subject)
    key = KINDS[kind]()
    usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(enciphers=isinstance(key, rsa.RSAPrivateKey)), critical=True)
        .add_extension(usages, critical=False)
        .sign(key, hashes.SHA256())
    )
    return Asked(request_pem=request.public_bytes(Encoding.PEM), key_pem=_sealed(key, password))


def _sealed(key: Key, password: Secret | None) -> bytes:
    if password is None:
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    text = password.reveal().encode("utf-8")
    if len(text) > LONGEST_PASSWORD:
        raise ConfigError(
            f"a password of {len(text)} bytes cannot seal a key", remedy=f"Choose one of {LONGEST_PASSWORD} at most."
        )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(text))


def _name(subject: Mapping[str, str | None]) -> x509.Name:
    given = [(oid, text) for part, oid in _PARTS.items() if (text := subject[part]) is not None]
    if not _COUNTRY.fullmatch(subject["country"] or "XX"):
        raise _unwritable("the country is two letters")
    try:
        return x509.Name([x509.NameAttribute(oid, text) for oid, text in given])
    except ValueError as error:
        raise _unwritable(str(error)) from None


def _unwritable(why: str) -> ConfigError:
    return ConfigError(f"the subject cannot be written: {why}", remedy="Shorten or correct it.")


def _usage(*, enciphers: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=enciphers,  # TLS 1.2 without forward secrecy; many CAs ask for it of RSA keys
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
