from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from leaves import leaf, rsa_key
from made import DAY, NOW, make, pem

from sidecar.errors import IdentityError
from sidecar.redact import Secret
from sidecar.tls.inspection import Inspection, inspect

ROOT = make("root", ca=True)
LEAF = leaf(issuer=ROOT)


def found(password: str | None = None, **files: bytes) -> Inspection:
    return inspect(files, None if password is None else Secret(password), NOW)


def test_certificate_key_and_chain_may_be_in_any_files() -> None:
    for files in (
        {"a": LEAF.certificate_pem, "b": LEAF.key_pem, "c": ROOT.certificate_pem},
        {"c": ROOT.certificate_pem, "a": LEAF.key_pem + LEAF.certificate_pem},
        {"p12": LEAF.pkcs12(ROOT)},
    ):
        one = found(**files)
        assert (one.leaf, one.others, one.key_matches) == (LEAF.certificate, (ROOT.certificate,), True)
        assert (one.refusals, one.warnings) == ((), ())


def test_without_a_key_the_leaf_is_the_one_that_issued_no_other() -> None:
    one = found(chain=ROOT.certificate_pem + LEAF.certificate_pem)
    assert (one.leaf, one.others, one.key_matches) == (LEAF.certificate, (ROOT.certificate,), None)


def test_of_certificates_that_issued_each_other_the_first_is_taken() -> None:
    first, second = make("a", issuer=make("b")), make("b", issuer=make("a"))
    assert found(chain=first.certificate_pem + second.certificate_pem).leaf == first.certificate


def test_a_key_of_another_certificate_is_a_refusal_beside_the_others() -> None:
    wrong = leaf(key=rsa_key(1024), days=5)
    one = found(a=wrong.certificate_pem, b=LEAF.key_pem)
    assert one.key_matches is False
    assert [refusal.rule for refusal in one.refusals] == ["pair", "key", "dates"]
    assert "does not belong to the certificate of CN=shop,O=Shop" in one.refusals[0].found
    assert one.warnings == ()  # that it ended is told already


def test_a_key_that_cannot_be_used_is_a_refusal_in_the_words_of_files() -> None:
    sealed = LEAF.sealed_key_pem("right")
    for password, remedy in ((None, "--password-file"), ("wrong", "Check the password against the file")):
        (refusal,) = found(password, a=LEAF.certificate_pem, key=sealed).refusals
        assert refusal.found.startswith("key: ")
        assert remedy in refusal.remedy
        assert "identity." not in refusal.found + refusal.remedy
    assert found("right", a=LEAF.certificate_pem, key=sealed).key_matches is True


def test_an_end_that_is_near_an_idle_password_and_a_stale_chain_are_warnings() -> None:
    old = make("root", begin=NOW - 9 * DAY, end=NOW - DAY)
    soon = leaf(issuer=old, days=20, key=ec.generate_private_key(ec.SECP256R1()))
    one = found("idle", a=soon.certificate_pem + old.certificate_pem, b=soon.key_pem)
    assert one.refusals == ()
    told = " ".join(one.warnings)
    assert len(one.warnings) == 4
    for words in ("not encrypted", "expires in 10 days", "an EC key", "out of date: CN=root"):
        assert words in told


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"nothing", "mine.crt: no certificate in the file"),
        (b"0\x82binary", "mine.crt: the file is not PKCS#12"),
        (LEAF.certificate_pem[:-30], "mine.crt: no certificate in the file"),
        (LEAF.certificate_pem.replace(b"M", b"N", 3), "mine.crt: certificate no. 1 in the file is damaged"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(content: bytes, why: str) -> None:
    with pytest.raises(IdentityError) as caught:
        found(**{"mine.crt": content})
    assert caught.value.detail == why


def test_a_key_alone_is_no_certificate() -> None:
    with pytest.raises(IdentityError, match="no certificate in the files"):
        found(key=LEAF.key_pem)


def test_damage_that_shows_only_when_a_name_is_read_is_told_too() -> None:
    der = LEAF.certificate.public_bytes(Encoding.DER)
    bent = der.replace(b"\x0c\x04Shop", b"\x0c\x04Sh\xffp")
    assert bent != der
    with pytest.raises(IdentityError, match="certificate is malformed"):
        found(a=pem("CERTIFICATE", bent))
