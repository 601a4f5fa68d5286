"""What FinHub asks of a client certificate, and which of it one does not meet.

Pure. Instants are UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from sidecar.errors import IdentityError
from sidecar.tls import chain
from sidecar.tls.material import SHORTEST_RSA

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from cryptography import x509

LONGEST: Final = timedelta(days=366)  # a year, be it a leap year

_HASHES: Final = frozenset({"sha256", "sha384", "sha512"})
_AGAIN: Final = "Ask for another one: `finhub-sidecar certs csr` makes the request."


@dataclass(frozen=True, slots=True)
class Refusal:
    """One rule that is not met: its short name, what was found, and what to do."""

    rule: str
    found: str
    remedy: str


def refusals(leaf: x509.Certificate, now: datetime) -> Iterator[Refusal]:
    """Yield why FinHub would refuse `leaf` at `now`; nothing where it would not."""
    yield from _of_key(leaf)
    if signature(leaf) not in _HASHES:
        yield Refusal("signature", f"it is signed with {signature(leaf)}, and FinHub asks for SHA-256", _AGAIN)
    length = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    if length > LONGEST:
        yield Refusal("validity", f"it is valid for {length.days} days, and FinHub takes one year at most", _AGAIN)
    try:
        chain.refuse_out_of_date(leaf, now)
    except IdentityError as error:
        yield Refusal("dates", error.detail.removeprefix("[identity]: "), error.remedy)
    if not chain.names_client_auth(leaf):
        yield Refusal("purpose", "clientAuth is not among its extended key usages", _AGAIN)
    if not organization(leaf):
        yield Refusal("organization", "its subject names no organization (O)", _AGAIN)


def cautions(leaf: x509.Certificate) -> Iterator[str]:
    """Yield what FinHub may take or not."""
    if key_kind(leaf).startswith("EC "):
        yield "FinHub's rules name RSA keys; ask before you rely on an EC key"


def signature(leaf: x509.Certificate) -> str:
    """Return the hash of the issuer's signature, such as "sha256"; the algorithm's number where it has none."""
    try:
        found = leaf.signature_hash_algorithm
    except UnsupportedAlgorithm:
        found = None
    return leaf.signature_algorithm_oid.dotted_string if found is None else found.name


def organization(leaf: x509.Certificate) -> str:
    """Return the subject's organization, empty where it names none."""
    names = leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(names[0].value).strip() if names else ""


def _of_key(leaf: x509.Certificate) -> Iterator[Refusal]:
    kind, _, size = key_kind(leaf).partition(" ")
    if kind == "RSA" and int(size) < SHORTEST_RSA:
        yield Refusal("key", f"its RSA key has {size} bits, and FinHub asks for {SHORTEST_RSA} at least", _AGAIN)
    if kind not in {"RSA", "EC"}:
        yield Refusal("key", f"its key is of a kind that FinHub does not take ({kind})", _AGAIN)


def key_kind(leaf: x509.Certificate) -> str:
    """Return the kind of key in words, such as "RSA 2048" and "EC secp256r1"."""
    try:
        key = leaf.public_key()
    except UnsupportedAlgorithm:
        return leaf.public_key_algorithm_oid.dotted_string
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey")
