"""Client certificates as FinHub takes them, but for what a test names."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from made import DAY, NOW, Key, Made

if TYPE_CHECKING:
    import datetime as dt


@functools.cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return one RSA key of that size; tests share it, since making one takes a while."""
    return rsa.generate_private_key(65537, bits)


def leaf(
    *,
    key: Key | None = None,
    organization: str | None = "Shop",
    days: int = 365,
    begin: dt.datetime = NOW - 10 * DAY,
    digest: hashes.HashAlgorithm | None = hashes.SHA256(),  # noqa: B008  # a value like any other
    usages: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.CLIENT_AUTH,),
    issuer: Made | None = None,
) -> Made:
    """Return a certificate for `organization`, signed by `issuer` or itself."""
    own = key or rsa_key()
    names = [] if organization is None else [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)]
    subject = x509.Name([*names, x509.NameAttribute(NameOID.COMMON_NAME, "shop")])
    builder = x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer.certificate.subject if issuer else subject,
        public_key=own.public_key(),
        serial_number=0xABC123,
        not_valid_before=begin,
        not_valid_after=begin + days * DAY,
    )
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return Made(own, builder.sign(issuer.key if issuer else own, digest))  # type: ignore[arg-type]  # as the key has it
