"""A client certificate with its key and chain, from whatever files hold them, and what is wrong with it: all at once.

Pure. `certs inspect` shows it. Instants are UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography import x509

from sidecar.errors import IdentityError
from sidecar.tls import chain, pem, rules
from sidecar.tls.blocks import CERTIFICATE, blocks, is_der
from sidecar.tls.chain import OTHER_KEY
from sidecar.tls.material import Material
from sidecar.tls.pkcs12 import read_pkcs12
from sidecar.tls.rules import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sidecar.redact import Secret
    from sidecar.tls.material import PrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found. `key_matches` is None where no key was given, or none that can be used."""

    leaf: x509.Certificate
    others: tuple[x509.Certificate, ...]
    key_matches: bool | None
    refusals: tuple[Refusal, ...]
    warnings: tuple[str, ...]


@dataclass(slots=True)
class _Found:
    certificates: list[x509.Certificate] = field(default_factory=list)
    key: PrivateKey | None = None
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def inspect(files: Mapping[str, bytes], password: Secret | None, now: datetime) -> Inspection:
    """Return what the files (name → content) hold together; `password` opens an encrypted key or a PKCS#12 file.

    Raises:
        IdentityError: one of them cannot be read, or none holds a certificate.
    """
    try:
        return _judged(_found(files, password), now)
    except (ValueError, x509.InvalidVersion):
        # cryptography reads names, dates and versions only when asked for them: damage shows late, and anywhere.
        raise IdentityError("a certificate is malformed", remedy="Fetch the file again.") from None


def _found(files: Mapping[str, bytes], password: Secret | None) -> _Found:
    found = _Found()
    for name, content in files.items():
        try:
            _add(found, name, content, password)
        except IdentityError as error:
            raise _renamed(error, name) from None
    if not found.certificates:
        raise IdentityError("no certificate in the files", remedy="Name the file that holds the certificate, too.")
    return found


def _add(found: _Found, name: str, content: bytes, password: Secret | None) -> None:
    if is_der(content):
        material = read_pkcs12(content, password)
        found.certificates += material.certificates
        found.key = material.key
        return
    keyed = pem.has_key(content)
    if not keyed or any(block.label in CERTIFICATE for block in blocks(content)):
        found.certificates += pem.read_certificates(content)
    if keyed:
        try:
            found.key, odd = pem.read_key(content, password, name)
            found.warnings += odd
        except IdentityError as error:
            told = _renamed(error, name)
            found.refusals.append(Refusal("key", told.detail, told.remedy))


def _renamed(error: IdentityError, name: str) -> IdentityError:
    """Return `error` in the words of somebody who has files and no configuration."""
    detail, remedy = error.detail, error.remedy
    for key in ("identity.certificate_file", "identity.key_file", "identity.pkcs12_file"):
        detail = detail.replace(key, name)
    remedy = remedy.replace("Set identity.key_password", "Give --password-file FILE")
    return IdentityError(detail, remedy=remedy.replace("identity.key_password", "the password"))


def _judged(found: _Found, now: datetime) -> Inspection:
    order, matches = _ordered(found, now)
    leaf, *others = order
    refused = [*found.refusals, *rules.refusals(leaf, now)]
    if matches is False:
        found_there = f"the private key does not belong to the certificate of {leaf.subject.rfc4514_string()}"
        refused.insert(0, Refusal("pair", found_there, OTHER_KEY))
    ended = any(one.rule == "dates" for one in refused)
    return Inspection(
        leaf=leaf,
        others=tuple(others),
        key_matches=matches,
        refusals=tuple(refused),
        warnings=(
            *found.warnings,
            *([] if ended else chain.ends_soon(leaf, now)),
            *rules.cautions(leaf),
            *chain.out_of_date(others, now),
        ),
    )


def _ordered(found: _Found, now: datetime) -> tuple[tuple[x509.Certificate, ...], bool | None]:
    if found.key is not None:
        try:
            together = Material(key=found.key, certificates=tuple(found.certificates))
            return chain.leaf_first(together, now), True
        except IdentityError:
            return _by_place(found.certificates), False
    return _by_place(found.certificates), None


def _by_place(certificates: list[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """Return the certificates with that first which issued none of the others."""
    issuers = {one.issuer for one in certificates if one.issuer != one.subject}
    leaf = next((one for one in certificates if one.subject not in issuers), certificates[0])
    return chain.in_order(leaf, certificates)
