"""A private key that cannot be printed, and what a file gave: key and certificates, not yet judged.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat, PublicFormat

from sidecar.errors import IdentityError

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

_KINDS: Final = (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey)

# OpenSSL's security level 2, Python's default, refuses shorter ones in the handshake; better to say so now.
SHORTEST_RSA: Final = 2048


@final
class PrivateKey:
    """A private key that hides itself: it is never printed, pickled or handed out other than encrypted."""

    __slots__ = ("_key",)

    def __init__(self, key: PrivateKeyTypes) -> None:
        self._key = key

    def belongs_to(self, certificate: x509.Certificate) -> bool:
        """Tell whether `certificate` is about this very key; one with a key of an unknown kind is not."""
        try:
            theirs = certificate.public_key()
        except UnsupportedAlgorithm:
            return False
        return _public(self._key.public_key()) == _public(theirs)

    def sealed(self, password: str) -> bytes:
        """Return the key as encrypted PKCS#8 PEM (RFC 5958), which only `password` opens."""
        return self._key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode("utf-8"))
        )

    def __repr__(self) -> str:
        return "PrivateKey(…)"

    def __reduce__(self) -> str:
        raise TypeError("a PrivateKey cannot be pickled or copied into another process")


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the files hold: `certificates` in the files' own order, and what is odd but usable about them."""

    key: PrivateKey
    certificates: tuple[x509.Certificate, ...]
    warnings: tuple[str, ...] = ()


def accept(key: PrivateKeyTypes, source: str) -> PrivateKey:
    """Return `key` wrapped, or raise IdentityError when TLS has no good use for its kind or its size."""
    if not isinstance(key, _KINDS):
        raise IdentityError(
            f"{source}: a key of this kind ({type(key).__name__.removesuffix('PrivateKey')}) cannot be used for TLS",
            remedy="Use an RSA, EC or Ed25519 key, and have a certificate issued for it.",
        )
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < SHORTEST_RSA:
        raise IdentityError(
            f"{source}: an RSA key of {key.key_size} bits is too short",
            remedy=f"Use an RSA key of at least {SHORTEST_RSA} bits, and have a certificate issued for it.",
        )
    return PrivateKey(key)


def _public(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
