"""Certificates and a key out of PEM files: a pair, or one file that holds all.

Pure. Keys may be PKCS#8 or traditional, encrypted or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sidecar.errors import IdentityError
from sidecar.tls.blocks import CERTIFICATE, Block, blocks, is_der, is_torn
from sidecar.tls.material import Material, PrivateKey, accept

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from sidecar.redact import Secret

_KEY: Final = frozenset(
    {"PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY"}
)

# What people have in hand when it is not what was asked for: label → (what it is, how to get from it to PEM).
_MISTAKEN: Final = {
    "CERTIFICATE REQUEST": (
        "a certificate request (CSR), not the certificate",
        "Send the request to FinHub and store the certificate that comes back.",
    ),
    "NEW CERTIFICATE REQUEST": (
        "a certificate request (CSR), not the certificate",
        "Send the request to FinHub and store the certificate that comes back.",
    ),
    "PKCS7": ("a PKCS#7 bundle", "Convert it: openssl pkcs7 -print_certs -in FILE -out FILE.pem"),
    "TRUSTED CERTIFICATE": ("an OpenSSL trusted certificate", "Convert it: openssl x509 -in FILE -out FILE.pem"),
    "OPENSSH PRIVATE KEY": ("a key in OpenSSH's format", "Convert it: ssh-keygen -p -m PKCS8 -f FILE"),
    "PUBLIC KEY": ("a public key", "Name the file that holds the private key."),
}

_DER_CERTIFICATE: Final = (
    "binary (DER), not PEM",
    "Convert it: openssl x509 -inform der -in FILE -out FILE.pem; a .p12 or .pfx file belongs to identity.pkcs12_file.",
)
_DER_KEY: Final = ("binary (DER), not PEM", "Convert it: openssl pkey -inform der -in FILE -out FILE.pem")


def read_pem(certificate: bytes, key: bytes | None, password: Secret | None) -> Material:
    """Return what the PEM files hold; without `key` it is looked for beside the certificates.

    Raises:
        IdentityError: nothing usable there, or the password is missing or wrong; names the key of [identity].
    """
    certificates = read_certificates(certificate)
    source, content = ("certificate_file", certificate) if key is None else ("key_file", key)
    private, warnings = read_key(content, password, f"identity.{source}")
    return Material(key=private, certificates=certificates, warnings=warnings)


# ── certificates ────────────────────────────────────────────────────────────────────────────────────────────────


def read_certificates(content: bytes) -> tuple[x509.Certificate, ...]:
    """Return the certificates in a PEM text, in its order; IdentityError where there is none or one is damaged."""
    found = [block for block in blocks(content) if block.label in CERTIFICATE]
    if found and is_torn(content):
        raise IdentityError(
            "identity.certificate_file: the file ends in the middle of a block",
            remedy="Write the whole file again; put it in place with one rename, so that nobody reads half of it.",
        )
    if not found:
        raise _nothing(content, "identity.certificate_file", "certificate", _DER_CERTIFICATE)
    return tuple(_certificate(block, place) for place, block in enumerate(found, start=1))


def _certificate(block: Block, place: int) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(block.pem)
    except ValueError:
        raise IdentityError(
            f"identity.certificate_file: certificate no. {place} in the file is damaged",
            remedy="Fetch the file again; openssl x509 -in FILE -noout -text must be able to read it.",
        ) from None


# ── the key ─────────────────────────────────────────────────────────────────────────────────────────────────────


def has_key(content: bytes) -> bool:
    """Tell whether a PEM text holds a private key."""
    return any(block.label in _KEY for block in blocks(content))


def read_key(content: bytes, password: Secret | None, source: str) -> tuple[PrivateKey, tuple[str, ...]]:
    """Return the one private key in a PEM text, and what is odd about it; IdentityError, which names `source`."""
    return _open(_key_block(content, source), password, source)


def _key_block(content: bytes, source: str) -> Block:
    found = [block for block in blocks(content) if block.label in _KEY]
    if not found:
        raise _nothing(content, source, "private key", _DER_KEY)
    if len(found) > 1:
        raise IdentityError(f"{source}: {len(found)} private keys in one file", remedy="Leave one key in the file.")
    return found[0]


def _open(block: Block, password: Secret | None, source: str) -> tuple[PrivateKey, tuple[str, ...]]:
    if not _is_encrypted(block):
        return accept(_load(block, None, source), source), _idle_password(password)
    if password is None:
        raise IdentityError(f"{source}: the key needs a password", remedy="Set identity.key_password.")
    return accept(_load(block, password, source), source), ()


def _is_encrypted(block: Block) -> bool:
    """Tell an encrypted key: PKCS#8 says so in its label, the traditional format in a field (RFC 1421 §4.6.1.1)."""
    return block.label == "ENCRYPTED PRIVATE KEY" or b"Proc-Type: 4,ENCRYPTED" in block.pem


def _load(block: Block, password: Secret | None, source: str) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(block.pem, None if password is None else password.reveal().encode("utf-8"))
    except ValueError:
        raise _damaged(source) if password is None else _wrong_password(source) from None
    except UnsupportedAlgorithm:
        raise IdentityError(
            f"{source}: the key is of a kind, or encrypted in a way, that is not supported",
            remedy="Write it anew: openssl pkey -in FILE -aes256 -out NEW.pem",
        ) from None


def _damaged(source: str) -> IdentityError:
    return IdentityError(
        f"{source}: the private key is damaged",
        remedy="Fetch the file again; openssl pkey -in FILE -noout must be able to read it.",
    )


def _wrong_password(source: str) -> IdentityError:
    return IdentityError(
        f"{source}: the password does not open it",
        remedy="Check identity.key_password against the file: openssl pkey -in FILE -noout asks for the same password.",
    )


def _idle_password(password: Secret | None) -> tuple[str, ...]:
    return () if password is None else ("identity.key_password is set, but the private key is not encrypted",)


# ── neither ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _nothing(content: bytes, source: str, wanted: str, der: tuple[str, str]) -> IdentityError:
    """Return the error for a file without what was `wanted`, saying what it is instead where that can be told."""
    if is_der(content):
        return IdentityError(f"{source}: the file is {der[0]}", remedy=der[1])
    for block in blocks(content):
        if block.label in _MISTAKEN:
            what, remedy = _MISTAKEN[block.label]
            return IdentityError(f"{source}: the file holds {what}", remedy=remedy)
    return IdentityError(
        f"{source}: no {wanted} in the file",
        remedy=f"Name a PEM file that holds the {wanted}: a block between -----BEGIN …----- and -----END …-----.",
    )
