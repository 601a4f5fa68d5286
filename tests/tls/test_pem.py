from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from made import make, pem

from sidecar.errors import IdentityError
from sidecar.redact import Secret
from sidecar.tls.pem import has_key, read_pem

PASSWORD = Secret("correct horse Ünïcode")
WRONG = Secret("battery staple")
MADE = make()
EVERY_FORMAT = pytest.mark.parametrize("how", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])


def refusal(certificate: bytes, key: bytes | None, password: Secret | None = None) -> IdentityError:
    with pytest.raises(IdentityError) as caught:
        read_pem(certificate, key, password)
    return caught.value


# ── what is taken ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_pair_gives_key_and_certificate_without_a_warning() -> None:
    material = read_pem(MADE.certificate_pem, MADE.key_pem, None)
    assert material.certificates == (MADE.certificate,)
    assert material.key.belongs_to(MADE.certificate)
    assert material.warnings == ()


@pytest.mark.parametrize("parts", [(MADE.certificate_pem, MADE.key_pem), (MADE.key_pem, MADE.certificate_pem)])
def test_one_file_may_hold_certificate_and_key_in_either_order(parts: tuple[bytes, bytes]) -> None:
    content = b"a comment\n".join(parts)
    for key in (None, content):
        material = read_pem(content, key, None)
        assert material.certificates == (MADE.certificate,)
        assert material.key.belongs_to(MADE.certificate)


def test_certificates_keep_the_files_order() -> None:
    other = make("other")
    material = read_pem(other.certificate_pem + MADE.certificate_pem, MADE.key_pem, None)
    assert material.certificates == (other.certificate, MADE.certificate)


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm() -> None:
    windows = [b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n") for text in (MADE.certificate_pem, MADE.key_pem)]
    assert read_pem(windows[0], windows[1], None).certificates == (MADE.certificate,)


@EVERY_FORMAT
def test_an_encrypted_key_is_opened_with_its_password(how: PrivateFormat) -> None:
    sealed = MADE.sealed_key_pem(PASSWORD.reveal(), how)
    material = read_pem(MADE.certificate_pem, sealed, PASSWORD)
    assert material.key.belongs_to(MADE.certificate)
    assert material.warnings == ()


def test_a_traditional_key_is_taken_behind_its_parameters() -> None:
    key = MADE.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    curve = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert read_pem(MADE.certificate_pem, curve + key, None).key.belongs_to(MADE.certificate)


def test_a_password_that_nothing_needs_is_worth_a_warning() -> None:
    (warning,) = read_pem(MADE.certificate_pem, MADE.key_pem, PASSWORD).warnings
    assert warning.startswith("identity.key_password is set")


# ── what is refused ─────────────────────────────────────────────────────────────────────────────────────────────


@EVERY_FORMAT
def test_a_missing_and_a_wrong_password_are_told_apart(how: PrivateFormat) -> None:
    sealed = MADE.sealed_key_pem(PASSWORD.reveal(), how)
    missing = refusal(MADE.certificate_pem, sealed)
    assert missing.detail == "identity.key_file: the key needs a password"
    assert missing.remedy == "Set identity.key_password."
    wrong = refusal(MADE.certificate_pem, sealed, WRONG)
    assert wrong.detail == "identity.key_file: the password does not open it"
    assert WRONG.reveal() not in wrong.remedy


def test_a_sealed_key_beside_its_certificate_is_looked_for_where_it_is() -> None:
    missing = refusal(MADE.certificate_pem + MADE.sealed_key_pem("x"), None)
    assert missing.detail == "identity.certificate_file: the key needs a password"


@pytest.mark.parametrize(
    ("content", "detail", "remedy"),
    [
        (b"", "no certificate in the file", "PEM"),
        (b"hello", "no certificate in the file", "PEM"),
        (MADE.key_pem, "no certificate in the file", "PEM"),
        (b"\x30\x82\x01\x00", "binary (DER), not PEM", "openssl x509 -inform der -in FILE -out FILE.pem"),
        (pem("PKCS7", b"x"), "a PKCS#7 bundle", "openssl pkcs7 -print_certs"),
        (pem("TRUSTED CERTIFICATE", b"x"), "an OpenSSL trusted certificate", "openssl x509 -in FILE"),
        (pem("CERTIFICATE REQUEST", b"x"), "a certificate request (CSR)", "the certificate that comes back"),
        (MADE.certificate_pem + pem("CERTIFICATE", b"x"), "certificate no. 2 in the file is damaged", "again"),
    ],
)
def test_what_is_not_a_certificate_is_named_with_the_way_out(content: bytes, detail: str, remedy: str) -> None:
    error = refusal(content, MADE.key_pem)
    assert error.detail.startswith("identity.certificate_file: ")
    assert detail in error.detail
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("content", "detail", "remedy"),
    [
        (b"hello", "no private key in the file", "PEM"),
        (b"\x30\x82\x01\x00", "binary (DER), not PEM", "openssl pkey -inform der"),
        (MADE.certificate_pem, "no private key in the file", "PEM"),
        (pem("OPENSSH PRIVATE KEY", b"x"), "OpenSSH", "ssh-keygen -p -m PKCS8"),
        (pem("PUBLIC KEY", b"x"), "a public key", "private"),
        (pem("PRIVATE KEY", b"x"), "the private key is damaged", "again"),
        (MADE.key_pem * 2, "2 private keys in one file", "Leave one"),
    ],
)
def test_what_is_not_a_key_is_named_with_the_way_out(content: bytes, detail: str, remedy: str) -> None:
    error = refusal(MADE.certificate_pem, content)
    assert error.detail.startswith("identity.key_file: ")
    assert detail in error.detail
    assert remedy in error.remedy


def test_a_certificate_without_any_key_is_named() -> None:
    assert refusal(MADE.certificate_pem, None).detail == "identity.certificate_file: no private key in the file"


def test_a_key_algorithm_that_nobody_knows_is_refused() -> None:
    der = MADE.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    strange = der.replace(bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d0277"))
    error = refusal(MADE.certificate_pem, pem("PRIVATE KEY", strange))
    assert "not supported" in error.detail
    assert "openssl pkey" in error.remedy


def test_a_chain_that_is_only_half_written_is_refused_though_its_first_certificate_is_whole() -> None:
    half = MADE.certificate_pem[: len(MADE.certificate_pem) // 2]
    error = refusal(MADE.certificate_pem + half, MADE.key_pem)
    assert error.detail == "identity.certificate_file: the file ends in the middle of a block"
    assert "rename" in error.remedy


def test_a_key_is_seen_wherever_it_stands() -> None:
    made = make("seen")
    assert has_key(made.certificate_pem + made.key_pem)
    assert has_key(made.sealed_key_pem("x"))
    assert not has_key(made.certificate_pem)
