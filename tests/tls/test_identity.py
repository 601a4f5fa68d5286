from __future__ import annotations

import contextlib
import copy
import datetime as dt
import pickle

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from made import DAY, NOW, Made, make, pem, with_unknown_key

from sidecar.errors import IdentityError
from sidecar.redact import Secret
from sidecar.tls.identity import IdentityBytes, parse

PASSWORD = Secret("correct horse")
MADE = make()


def pair(made: Made) -> IdentityBytes:
    return IdentityBytes(certificate=made.certificate_pem, key=made.key_pem)


# ── parsing ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_identity_tells_the_facts_of_its_leaf() -> None:
    root = make("root")
    leaf = make("shop-7", issuer=root)
    raw = IdentityBytes(certificate=root.certificate_pem + leaf.certificate_pem, key=leaf.key_pem)
    identity = parse(raw, None, NOW)
    assert (identity.subject, identity.issuer, identity.serial) == ("CN=shop-7", "CN=root", "abc123")
    assert (identity.not_before, identity.not_after) == (NOW - 10 * DAY, NOW + 90 * DAY)
    assert identity.chain_pem == leaf.certificate_pem + root.certificate_pem
    assert identity.key.belongs_to(leaf.certificate)
    assert identity.warnings == ()


def test_pem_and_pkcs12_of_the_same_certificate_give_the_same_identity_but_for_the_digest() -> None:
    made = make()
    one = parse(pair(made), None, NOW)
    other = parse(IdentityBytes(pkcs12=made.pkcs12(password=PASSWORD.reveal())), PASSWORD, NOW)
    assert (one.chain_pem, one.subject, one.not_after) == (other.chain_pem, other.subject, other.not_after)
    assert one.digest != other.digest


def test_a_certificate_out_of_date_is_refused() -> None:
    with pytest.raises(IdentityError, match="expired"):
        parse(pair(make()), None, NOW + 91 * DAY)


def test_warnings_of_the_files_and_of_the_certificate_come_together() -> None:
    warnings = parse(pair(make(usages=(), end=NOW + DAY)), PASSWORD, NOW).warnings
    assert [text.split()[-1] for text in warnings] == ["encrypted", "2026-07-02", "it"]


def test_no_files_at_all_is_an_error_that_says_what_to_set() -> None:
    with pytest.raises(IdentityError, match="names no certificate") as caught:
        parse(IdentityBytes(), None, NOW)
    assert "identity.certificate_file" in caught.value.remedy


def test_damage_that_shows_only_when_a_name_is_read_is_an_identity_error_too() -> None:
    made = make("shop-7")
    der = made.certificate.public_bytes(Encoding.DER)
    bent = der.replace(b"\x0c\x06shop-7", b"\x0c\x06sho\xff-7")
    assert bent != der
    with pytest.raises(IdentityError, match="malformed"):
        parse(IdentityBytes(certificate=pem("CERTIFICATE", bent), key=made.key_pem), None, NOW)


def test_a_chain_certificate_with_an_unknown_kind_of_key_is_sent_all_the_same() -> None:
    made, strange = make("leaf"), with_unknown_key(make("strange"))
    identity = parse(IdentityBytes(certificate=strange + made.certificate_pem, key=made.key_pem), None, NOW)
    assert identity.chain_pem.startswith(made.certificate_pem)
    assert identity.chain_pem.count(b"BEGIN CERTIFICATE") == 2


@given(content=st.binary(max_size=200), field=st.sampled_from(["certificate", "key", "pkcs12"]), labelled=st.booleans())
def test_whatever_bytes_arrive_only_identity_errors_leave(content: bytes, field: str, *, labelled: bool) -> None:
    files = {"certificate": b"", field: pem("CERTIFICATE", content) if labelled else content}
    with pytest.raises(IdentityError):
        parse(IdentityBytes(**files), PASSWORD, NOW)


@pytest.mark.filterwarnings("ignore::UserWarning")  # what cryptography says about odd serials and names
@given(where=st.floats(0, 1, exclude_max=True), what=st.binary(min_size=1, max_size=4))
def test_a_certificate_with_a_few_bytes_changed_is_an_identity_or_an_identity_error(where: float, what: bytes) -> None:
    der = MADE.certificate.public_bytes(Encoding.DER)
    place = int(where * len(der))
    bent = der[:place] + what + der[place + len(what) :]
    with contextlib.suppress(IdentityError):
        parse(IdentityBytes(certificate=pem("CERTIFICATE", bent), key=MADE.key_pem), None, NOW)


# ── the values ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_days_left_are_whole_days_and_negative_after_the_end() -> None:
    identity = parse(pair(make()), None, NOW)
    assert identity.days_left(NOW) == 90
    assert identity.days_left(NOW + dt.timedelta(hours=1)) == 89
    assert identity.days_left(NOW + 91 * DAY) == -1


def test_the_digest_follows_every_files_content_and_nothing_else() -> None:
    made, other = make(), make()
    raw = pair(made)
    assert parse(raw, None, NOW).digest == raw.digest == pair(made).digest
    assert raw == pair(made)
    assert len(raw.digest) == 64
    variants = {
        raw.digest,
        IdentityBytes(certificate=made.certificate_pem, key=other.key_pem).digest,
        IdentityBytes(certificate=made.certificate_pem).digest,
        IdentityBytes(key=made.certificate_pem).digest,
        IdentityBytes(pkcs12=made.certificate_pem).digest,
        IdentityBytes(certificate=made.certificate_pem, key=b"").digest,
    }
    assert len(variants) == 6


def test_no_representation_shows_the_key() -> None:
    made = make()
    raw = pair(made)
    identity = parse(raw, None, NOW)
    core = made.key_pem.splitlines()[1].decode()
    assert core not in f"{raw!r} {identity!r} {identity.key!r} {identity.key}"


@pytest.mark.parametrize("way", [pickle.dumps, copy.deepcopy])
def test_an_identity_stays_in_its_process(way: object) -> None:
    assert callable(way)
    with pytest.raises(TypeError, match="cannot be pickled"):
        way(parse(pair(make()), None, NOW))
