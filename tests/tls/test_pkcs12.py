from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
from made import make

from sidecar.errors import IdentityError
from sidecar.redact import Secret
from sidecar.tls.pkcs12 import read_pkcs12

PASSWORD = Secret("correct horse Ünïcode")
WRONG = Secret("battery staple")
MADE = make()


def refusal(content: bytes, password: Secret | None = None) -> IdentityError:
    with pytest.raises(IdentityError) as caught:
        read_pkcs12(content, password)
    return caught.value


@pytest.mark.parametrize("password", [None, PASSWORD], ids=["open", "sealed"])
def test_key_certificate_and_chain_are_taken_out(password: Secret | None) -> None:
    root = make("root")
    leaf = make("leaf", issuer=root)
    content = leaf.pkcs12(root, password=None if password is None else password.reveal())
    material = read_pkcs12(content, password)
    assert material.certificates == (leaf.certificate, root.certificate)
    assert material.key.belongs_to(leaf.certificate)
    assert material.warnings == ()


def test_a_missing_and_a_wrong_password_are_told_apart() -> None:
    content = MADE.pkcs12(password=PASSWORD.reveal())
    missing, wrong = refusal(content), refusal(content, WRONG)
    assert missing.detail == "identity.pkcs12_file: the file needs a password"
    assert missing.remedy == "Set identity.key_password."
    assert wrong.detail.startswith("identity.pkcs12_file: the password does not open it")
    assert "openssl pkcs12" in wrong.remedy
    assert WRONG.reveal() not in wrong.detail + wrong.remedy


@pytest.mark.parametrize(
    ("content", "detail", "remedy"),
    [
        (b"hello", "the file is not PKCS#12", ".p12 or .pfx"),
        (b"\x30\x82\x01\x00\x02\x01\x01\x30", "the file is not PKCS#12", ".p12 or .pfx"),
        (MADE.certificate_pem, "the file is PEM, not PKCS#12", "identity.certificate_file"),
    ],
)
def test_another_format_is_named_with_the_way_out(content: bytes, detail: str, remedy: str) -> None:
    error = refusal(content, PASSWORD)
    assert error.detail == f"identity.pkcs12_file: {detail}"
    assert remedy in error.remedy


def test_a_file_without_a_key_or_without_a_certificate_is_refused() -> None:
    no_key = pkcs12.serialize_java_truststore([pkcs12.PKCS12Certificate(MADE.certificate, None)], NoEncryption())
    no_certificate = pkcs12.serialize_key_and_certificates(b"shop", MADE.key, None, None, NoEncryption())
    assert refusal(no_key).detail == "identity.pkcs12_file: the file holds no private key"
    assert refusal(no_certificate).detail == "identity.pkcs12_file: the file holds no certificate for its key"
