"""Certificates in the order in which TLS wants them, and what is wrong or odd about them.

Pure. Instants are UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from sidecar.errors import IdentityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sidecar.tls.material import Material

SOON: Final = 30  # days before the end of validity from which on it is worth a warning

OTHER_KEY: Final = "Name the key from which the certificate's request was made, or the certificate made for this key."
_RENEW: Final = "Ask FinHub for a new certificate, and replace the files that [identity] names."


def leaf_first(material: Material, now: datetime) -> tuple[x509.Certificate, ...]:
    """Return the leaf, then each certificate's issuer where it is at hand, then the rest as given.

    RFC 5246 §7.4.2 demands that order, RFC 8446 §4.4.2 recommends it, and files are often the other way round.

    Raises:
        IdentityError: none of the certificates belongs to the key.
    """
    rest = [other for other in material.certificates if not material.key.belongs_to(other)]
    return in_order(_leaf(material, now), rest)


def in_order(leaf: x509.Certificate, others: Iterable[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """Return `leaf`, then each certificate's issuer where it is among `others`, then the rest as given."""
    rest = [other for other in dict.fromkeys(others) if other != leaf]
    path = [leaf]
    while (issuer := _issuer(path[-1], rest)) is not None:
        rest.remove(issuer)
        path.append(issuer)
    return (*path, *rest)


def _leaf(material: Material, now: datetime) -> x509.Certificate:
    """Return the certificate of the key; of several (a renewal beside the old one) the first that is in date."""
    ours = [certificate for certificate in material.certificates if material.key.belongs_to(certificate)]
    if not ours:
        first = material.certificates[0].subject.rfc4514_string()
        raise IdentityError(
            f"[identity]: the private key does not belong to the certificate of {first}",
            remedy=OTHER_KEY,
        )
    return next((certificate for certificate in ours if _in_date(certificate, now)), ours[0])


def _issuer(certificate: x509.Certificate, among: Sequence[x509.Certificate]) -> x509.Certificate | None:
    return next((other for other in among if other.subject == certificate.issuer), None)


# ── dates and purpose ───────────────────────────────────────────────────────────────────────────────────────────


def refuse_out_of_date(leaf: x509.Certificate, now: datetime) -> None:
    """Raise IdentityError unless `now` lies within the leaf's validity, both ends included (RFC 5280 §4.1.2.5)."""
    subject = leaf.subject.rfc4514_string()
    if now > leaf.not_valid_after_utc:
        raise IdentityError(
            f"[identity]: the certificate of {subject} expired on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
            remedy=_RENEW,
        )
    if now < leaf.not_valid_before_utc:
        raise IdentityError(
            f"[identity]: the certificate of {subject} is not valid "
            f"before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC",
            remedy="Check this machine's clock; if it is right, wait until then or go on with the old certificate.",
        )


def warnings(chain: Sequence[x509.Certificate], now: datetime) -> Iterator[str]:
    """Yield what does not keep the identity (leaf first) from being used, but will be asked for later."""
    leaf, *others = chain
    yield from ends_soon(leaf, now)
    if not names_client_auth(leaf):
        yield "the client certificate does not name clientAuth among its extended key usages; FinHub may refuse it"
    yield from out_of_date(others, now)


def ends_soon(leaf: x509.Certificate, now: datetime) -> Iterator[str]:
    """Yield that `leaf` expires within a month, if it does."""
    left = (leaf.not_valid_after_utc - now).days
    if left < SOON:
        yield f"the client certificate expires in {left} days, on {leaf.not_valid_after_utc:%Y-%m-%d}"


def out_of_date(others: Iterable[x509.Certificate], now: datetime) -> Iterator[str]:
    """Yield which certificates of the chain are out of date."""
    for other in others:
        if not _in_date(other, now):
            yield f"the chain holds a certificate that is out of date: {other.subject.rfc4514_string()}"


def names_client_auth(leaf: x509.Certificate) -> bool:
    """Tell whether `leaf` says that it is for clients (RFC 5280 §4.2.1.12)."""
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False  # absent or unreadable: the certificate does not say it, and that is all the warning claims
    return ExtendedKeyUsageOID.CLIENT_AUTH in usages or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usages


def _in_date(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
