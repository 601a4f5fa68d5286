from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from sidecar.errors import ConfigError
from sidecar.redact import Secret
from sidecar.tls.request import KINDS, LONGEST_PASSWORD, ask

if TYPE_CHECKING:
    from pathlib import Path

SUBJECT = {"country": "CH", "organization": "Shop & Söhne", "unit": None, "common_name": "shop"}


@pytest.mark.parametrize("kind", KINDS)
def test_openssl_reads_a_request_of_every_kind_and_verifies_it(kind: str, tmp_path: Path) -> None:
    asked = ask(kind, SUBJECT, None)
    (tmp_path / "csr").write_bytes(asked.request_pem)
    (tmp_path / "key").write_bytes(asked.key_pem)
    shown = _openssl(
        "req", "-in", str(tmp_path / "csr"), "-verify", "-noout", "-text", "-nameopt", "utf8,sep_comma_plus"
    )
    assert "self-signature verify OK" in shown
    assert "Subject: C=CH,O=Shop & Söhne,CN=shop" in shown
    assert "TLS Web Client Authentication" in shown
    assert "sha256" in shown.lower() or "ecdsa-with-SHA256" in shown
    public = _openssl("req", "-in", str(tmp_path / "csr"), "-noout", "-pubkey")
    assert _openssl("pkey", "-in", str(tmp_path / "key"), "-pubout") == public


@pytest.mark.parametrize(("kind", "enciphers"), [("rsa:2048", True), ("ec:p256", False)])
def test_it_asks_for_a_clients_certificate(kind: str, enciphers: bool) -> None:  # noqa: FBT001  # a table's column
    request = x509.load_pem_x509_csr(ask(kind, SUBJECT, None).request_pem)
    usages = request.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert (list(usages.value), usages.critical) == ([ExtendedKeyUsageOID.CLIENT_AUTH], False)
    usage = request.extensions.get_extension_for_class(x509.KeyUsage)
    assert (usage.value.digital_signature, usage.value.key_encipherment) == (True, enciphers)
    assert not usage.value.key_cert_sign
    assert usage.critical
    assert request.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


def test_a_password_seals_the_key_and_the_key_is_not_shown() -> None:
    asked = ask("ec:p256", SUBJECT, Secret("hunter2"))
    assert b"ENCRYPTED" in asked.key_pem
    load_pem_private_key(asked.key_pem, b"hunter2")
    assert "key_pem" not in repr(asked)


def test_a_password_may_be_as_long_as_openssl_takes_it() -> None:
    longest = "p" * LONGEST_PASSWORD
    load_pem_private_key(ask("ec:p256", SUBJECT, Secret(longest)).key_pem, longest.encode())
    with pytest.raises(ConfigError, match="a password of 1024 bytes cannot seal a key"):
        ask("ec:p256", SUBJECT, Secret(f"{longest}p"))


@pytest.mark.parametrize("part", [{"country": "Switzerland"}, {"country": "@@"}, {"common_name": "x" * 65}])
def test_a_subject_that_cannot_be_written_is_told(part: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="the subject cannot be written"):
        ask("ec:p256", {**SUBJECT, **part}, None)


def _openssl(*words: str) -> str:
    done = subprocess.run(["openssl", *words], capture_output=True, timeout=30, check=True)
    return (done.stdout + (done.stderr if words[0] == "req" else b"")).decode()
