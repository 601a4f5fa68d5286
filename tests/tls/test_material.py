from __future__ import annotations

import copy
import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from made import Key, make, with_unknown_key

from sidecar.errors import IdentityError
from sidecar.tls.material import PrivateKey, accept

SUBJECT = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["rsa", "ec", "ed25519"],
)
def test_rsa_ec_and_ed25519_keys_are_accepted_and_know_their_certificate(key: Key) -> None:
    accepted = accept(key, "identity.key_file")
    assert accepted.belongs_to(make(key=key).certificate)
    assert not accepted.belongs_to(make().certificate)


def test_a_kind_without_use_in_tls_is_refused() -> None:
    with pytest.raises(IdentityError) as caught:
        accept(dsa.generate_private_key(2048), "identity.key_file")
    assert caught.value.detail == "identity.key_file: a key of this kind (DSA) cannot be used for TLS"
    assert "RSA, EC or Ed25519" in caught.value.remedy


def test_a_short_rsa_key_is_refused_before_openssl_does_it() -> None:
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505  # too short is the point
    with pytest.raises(IdentityError, match="1024 bits is too short") as caught:
        accept(short, "identity.key_file")
    assert "2048" in caught.value.remedy


def test_a_certificate_with_an_unknown_kind_of_key_is_nobodys() -> None:
    made = make()
    strange = load_pem_x509_certificate(with_unknown_key(made))
    assert not PrivateKey(made.key).belongs_to(strange)


def test_a_key_shows_nothing_of_itself() -> None:
    key = PrivateKey(make().key)
    assert f"{key} {key!r}" == "PrivateKey(…) PrivateKey(…)"


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_key_is_neither_pickled_nor_copied(way: object) -> None:
    assert callable(way)
    with pytest.raises(TypeError, match="cannot be pickled"):
        way(PrivateKey(make().key))


def test_a_sealed_key_opens_with_its_password_only() -> None:
    made = make()
    sealed = PrivateKey(made.key).sealed("one-time")
    assert sealed.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    opened = load_pem_private_key(sealed, b"one-time")
    assert opened.public_key().public_bytes(*SUBJECT) == made.key.public_key().public_bytes(*SUBJECT)
    # One wrong password in 256 leaves what looks like a whole last block, and a text that is no key.
    with pytest.raises(ValueError, match=r"Incorrect password|Could not deserialize"):
        load_pem_private_key(sealed, b"another")
