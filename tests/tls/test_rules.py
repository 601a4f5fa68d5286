from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from leaves import leaf, rsa_key
from made import DAY, NOW

from sidecar.tls import rules

if TYPE_CHECKING:
    import datetime as dt

    from cryptography import x509


def refused(certificate: x509.Certificate, now: dt.datetime = NOW) -> dict[str, str]:
    found = list(rules.refusals(certificate, now))
    assert all(one.remedy for one in found)
    return {one.rule: one.found for one in found}


def test_a_certificate_as_finhub_wants_it_is_not_refused() -> None:
    assert refused(leaf().certificate) == {}
    assert list(rules.cautions(leaf().certificate)) == []
    assert rules.key_kind(leaf().certificate) == "RSA 2048"
    assert rules.organization(leaf().certificate) == "Shop"


@pytest.mark.parametrize("digest", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_sha_256_and_longer_are_taken(digest: hashes.HashAlgorithm) -> None:
    assert refused(leaf(digest=digest).certificate) == {}


def test_a_shorter_hash_is_refused() -> None:
    assert refused(leaf(digest=hashes.SHA224()).certificate) == {
        "signature": "it is signed with sha224, and FinHub asks for SHA-256"
    }


def test_a_short_rsa_key_is_refused() -> None:
    assert refused(leaf(key=rsa_key(1024)).certificate) == {
        "key": "its RSA key has 1024 bits, and FinHub asks for 2048 at least"
    }


def test_a_year_is_taken_and_a_day_more_is_not() -> None:
    assert refused(leaf(days=366).certificate) == {}
    assert refused(leaf(days=367).certificate) == {
        "validity": "it is valid for 367 days, and FinHub takes one year at most"
    }


def test_one_that_is_out_of_date_is_refused() -> None:
    assert "expired on" in refused(leaf(days=5).certificate)["dates"]
    assert "is not valid before" in refused(leaf(begin=NOW + DAY).certificate)["dates"]


@pytest.mark.parametrize("usages", [(), (ExtendedKeyUsageOID.SERVER_AUTH,)])
def test_one_that_is_not_for_clients_is_refused(usages: tuple[x509.ObjectIdentifier, ...]) -> None:
    assert refused(leaf(usages=usages).certificate).keys() == {"purpose"}


@pytest.mark.parametrize("organization", [None, " "])
def test_one_without_an_organization_is_refused(organization: str | None) -> None:
    assert refused(leaf(organization=organization).certificate) == {
        "organization": "its subject names no organization (O)"
    }


def test_an_ec_key_is_no_refusal_but_worth_a_question() -> None:
    certificate = leaf(key=ec.generate_private_key(ec.SECP256R1())).certificate
    assert refused(certificate) == {}
    assert rules.key_kind(certificate) == "EC secp256r1"
    assert len(list(rules.cautions(certificate))) == 1


def test_a_key_of_another_kind_is_refused() -> None:
    certificate = leaf(key=ed25519.Ed25519PrivateKey.generate(), digest=None).certificate
    assert rules.key_kind(certificate) == "Ed25519"
    assert rules.signature(certificate) == "1.3.101.112"
    assert refused(certificate).keys() == {"key", "signature"}


class Unknown:
    """A certificate with a key and a signature that the library does not know."""

    public_key_algorithm_oid = ObjectIdentifier("1.2.3")
    signature_algorithm_oid = ObjectIdentifier("1.2.4")

    def public_key(self) -> object:
        raise UnsupportedAlgorithm("1.2.3")

    @property
    def signature_hash_algorithm(self) -> object:
        raise UnsupportedAlgorithm("1.2.4")


def test_what_the_library_does_not_know_is_named_by_its_number() -> None:
    assert rules.key_kind(Unknown()) == "1.2.3"  # type: ignore[arg-type]  # all that is asked of one
    assert rules.signature(Unknown()) == "1.2.4"  # type: ignore[arg-type]  # as above


def test_all_that_is_wrong_is_told_at_once() -> None:
    certificate = leaf(key=rsa_key(1024), organization=None, days=400, usages=(), digest=hashes.SHA224()).certificate
    assert list(refused(certificate)) == ["key", "signature", "validity", "purpose", "organization"]
