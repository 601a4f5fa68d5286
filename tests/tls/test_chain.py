from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from made import DAY, NOW, Made, make, pem

from sidecar.errors import IdentityError
from sidecar.tls import chain
from sidecar.tls.material import Material, PrivateKey

if TYPE_CHECKING:
    import datetime as dt


def ordered(key: Made, *given: Made) -> list[x509.Certificate]:
    certificates = tuple(one.certificate for one in given)
    return list(chain.leaf_first(Material(key=PrivateKey(key.key), certificates=certificates), NOW))


def warned(*certificates: x509.Certificate) -> list[str]:
    return list(chain.warnings(certificates, NOW))


# ── order ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_leaf_comes_first_and_each_issuer_after_it_whatever_the_files_order() -> None:
    root, stranger = make("root"), make("stranger")
    issuing = make("issuing", issuer=root)
    leaf = make("leaf", issuer=issuing)
    expected = [one.certificate for one in (leaf, issuing, root, stranger)]
    assert ordered(leaf, root, stranger, leaf, issuing, root) == expected


def test_of_an_old_and_a_renewed_certificate_for_one_key_the_valid_one_is_sent_alone() -> None:
    old = make(begin=NOW - 20 * DAY, end=NOW - DAY)
    new = make(key=old.key)
    assert ordered(new, old, new) == [new.certificate]
    assert ordered(old, old) == [old.certificate]


def test_a_key_of_another_certificate_is_named_as_such() -> None:
    with pytest.raises(IdentityError) as caught:
        ordered(make("mine"), make("theirs"), make("third"))
    assert "does not belong to the certificate of CN=theirs" in caught.value.detail
    assert "request" in caught.value.remedy


# ── dates ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_expired_certificate_is_refused_with_its_date() -> None:
    with pytest.raises(IdentityError, match="CN=shop-7 expired on 2026-06-30 12:00 UTC") as caught:
        chain.refuse_out_of_date(make(end=NOW - DAY).certificate, NOW)
    assert "new certificate" in caught.value.remedy


def test_a_certificate_of_the_future_is_refused_with_its_date() -> None:
    with pytest.raises(IdentityError, match="CN=shop-7 is not valid before 2026-07-02 12:00 UTC") as caught:
        chain.refuse_out_of_date(make(begin=NOW + DAY).certificate, NOW)
    assert "clock" in caught.value.remedy


@pytest.mark.parametrize("bounds", [(NOW, NOW + DAY), (NOW - DAY, NOW)])
def test_both_ends_of_the_validity_count_as_valid(bounds: tuple[dt.datetime, dt.datetime]) -> None:
    leaf = make(begin=bounds[0], end=bounds[1]).certificate
    chain.refuse_out_of_date(leaf, NOW)
    for outside in (bounds[0] - DAY, bounds[1] + DAY):
        with pytest.raises(IdentityError):
            chain.refuse_out_of_date(leaf, outside)


# ── warnings ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("usages", [(), (ExtendedKeyUsageOID.SERVER_AUTH,)], ids=["no extension", "server only"])
def test_a_certificate_that_does_not_name_client_auth_is_worth_a_warning(
    usages: tuple[x509.ObjectIdentifier, ...],
) -> None:
    (warning,) = warned(make(usages=usages).certificate)
    assert "clientAuth" in warning


@pytest.mark.parametrize("usage", [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])
def test_client_auth_and_any_usage_are_enough(usage: x509.ObjectIdentifier) -> None:
    assert warned(make(usages=(ExtendedKeyUsageOID.SERVER_AUTH, usage)).certificate) == []


def test_an_extension_that_cannot_be_read_names_no_usage() -> None:
    der = make().certificate.public_bytes(Encoding.DER)
    bent = der.replace(bytes.fromhex("300a06082b06010505070302"), bytes.fromhex("310a06082b06010505070302"))
    assert bent != der
    (warning,) = warned(x509.load_pem_x509_certificate(pem("CERTIFICATE", bent)))
    assert "clientAuth" in warning


def test_less_than_thirty_days_are_worth_a_warning() -> None:
    assert warned(make(end=NOW + 29 * DAY).certificate) == [
        "the client certificate expires in 29 days, on 2026-07-30",
    ]
    assert warned(make(end=NOW + 30 * DAY).certificate) == []


def test_an_expired_intermediate_is_worth_a_warning() -> None:
    issuing = make("issuing", begin=NOW - 20 * DAY, end=NOW - DAY)
    assert warned(make(issuer=issuing).certificate, make("root").certificate, issuing.certificate) == [
        "the chain holds a certificate that is out of date: CN=issuing",
    ]
