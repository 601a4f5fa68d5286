"""The client identity: certificate, key and chain that we present in mutual TLS (RFC 8705).

Pure. `files.py` brings the bytes, `context.py` takes the result to OpenSSL.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sidecar.errors import IdentityError
from sidecar.tls import chain
from sidecar.tls.pem import read_pem

if TYPE_CHECKING:
    from datetime import datetime

    from sidecar.redact import Secret
    from sidecar.tls.material import Material, PrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityBytes:
    """What the identity's files held at one moment; hidden, since a key may be among it in the clear.

    Two are equal when the files' contents are, whatever their times and links say (a kubelet swaps links).
    """

    certificate: bytes | None = field(default=None, repr=False)
    key: bytes | None = field(default=None, repr=False)
    pkcs12: bytes | None = field(default=None, repr=False)
    exposed: tuple[str, ...] = field(default=(), compare=False)  # which files with a key everybody can read, in words

    @property
    def digest(self) -> str:
        """SHA-256 over all contents, in hex: what to keep and compare, instead of the bytes themselves."""
        parts = (self.certificate, self.key, self.pkcs12)
        each = b"".join(b"\0" * 32 if part is None else hashlib.sha256(part).digest() for part in parts)
        return hashlib.sha256(each).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A client certificate that was checked, with its chain and key. Instants are UTC."""

    chain_pem: bytes = field(repr=False)  # leaf first
    key: PrivateKey = field(repr=False)
    subject: str  # RFC 4514
    issuer: str  # RFC 4514
    serial: str  # lower-case hex, as openssl and the CAs write it
    not_before: datetime
    not_after: datetime
    warnings: tuple[str, ...]
    digest: str  # of the bytes it was made from

    def days_left(self, now: datetime) -> int:
        """Return the whole days until the certificate expires; negative once it has."""
        return (self.not_after - now).days


def parse(raw: IdentityBytes, password: Secret | None, now: datetime) -> Identity:
    """Return the identity in `raw`, checked: the key belongs to the leaf, and the leaf is in date at `now` (UTC).

    Raises:
        IdentityError: it cannot be used; names the configuration key and the remedy.
    """
    try:
        return _checked(_material(raw, password), now, raw.digest, raw.exposed)
    except (ValueError, x509.InvalidVersion):
        # cryptography reads names, dates and versions only when asked for them: damage shows late, and anywhere.
        raise IdentityError(
            "[identity]: a certificate in the file is malformed",
            remedy="Fetch the file again; openssl x509 -in FILE -noout -text must be able to read it.",
        ) from None


def _checked(material: Material, now: datetime, digest: str, exposed: tuple[str, ...]) -> Identity:
    certificates = chain.leaf_first(material, now)
    leaf = certificates[0]
    chain.refuse_out_of_date(leaf, now)
    return Identity(
        chain_pem=b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates),
        key=material.key,
        subject=leaf.subject.rfc4514_string(),
        issuer=leaf.issuer.rfc4514_string(),
        serial=f"{leaf.serial_number:x}",
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        warnings=(*exposed, *material.warnings, *chain.warnings(certificates, now)),
        digest=digest,
    )


def _material(raw: IdentityBytes, password: Secret | None) -> Material:
    if raw.pkcs12 is not None:
        from sidecar.tls.pkcs12 import read_pkcs12  # noqa: PLC0415  # most identities are PEM

        return read_pkcs12(raw.pkcs12, password)
    if raw.certificate is not None:
        return read_pem(raw.certificate, raw.key, password)
    raise IdentityError(
        "[identity] names no certificate",
        remedy="Set identity.certificate_file (and identity.key_file), or identity.pkcs12_file.",
    )
