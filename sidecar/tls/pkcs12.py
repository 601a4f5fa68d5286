"""Certificates and a key out of a PKCS#12 file (RFC 7292), with or without a password.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import pkcs12

from sidecar.errors import IdentityError
from sidecar.tls.blocks import blocks
from sidecar.tls.material import Material, accept

if TYPE_CHECKING:
    from sidecar.redact import Secret

_SOURCE: Final = "identity.pkcs12_file"

# PFX ::= SEQUENCE { version INTEGER 3, authSafe SEQUENCE … (RFC 7292 §4); the outer length takes up to eight bytes.
_VERSION_3: Final = b"\x02\x01\x03\x30"
_HEAD: Final = 14


def read_pkcs12(content: bytes, password: Secret | None) -> Material:
    """Return what the file holds, the certificate that the file itself puts beside the key first.

    Raises:
        IdentityError: not PKCS#12, no key or certificate inside, or the password is missing or wrong.
    """
    _refuse_other_formats(content)
    bundle = _load(content, password)
    if bundle.key is None or bundle.cert is None:
        raise IdentityError(
            f"{_SOURCE}: the file holds no {'private key' if bundle.key is None else 'certificate for its key'}",
            remedy="Export it again with certificate and key: openssl pkcs12 -export -inkey KEY -in CERTIFICATE.",
        )
    leaf_first = (bundle.cert, *bundle.additional_certs)
    return Material(key=accept(bundle.key, _SOURCE), certificates=tuple(found.certificate for found in leaf_first))


def _refuse_other_formats(content: bytes) -> None:
    if next(blocks(content), None) is not None:
        raise IdentityError(
            f"{_SOURCE}: the file is PEM, not PKCS#12",
            remedy="Name it as identity.certificate_file, and its key as identity.key_file.",
        )
    if not (content.startswith(b"\x30") and _VERSION_3 in content[:_HEAD]):
        raise IdentityError(
            f"{_SOURCE}: the file is not PKCS#12",
            remedy="Name a .p12 or .pfx file; openssl pkcs12 -in FILE -info -nokeys must be able to read it.",
        )


def _load(content: bytes, password: Secret | None) -> pkcs12.PKCS12KeyAndCertificates:
    try:
        return pkcs12.load_pkcs12(content, None if password is None else password.reveal().encode("utf-8"))
    except (ValueError, UnsupportedAlgorithm):
        # One error stands for damage, an unknown cipher and a wrong password; the structure was seen already.
        raise _no_password() if password is None else _wrong_password() from None


def _no_password() -> IdentityError:
    return IdentityError(f"{_SOURCE}: the file needs a password", remedy="Set identity.key_password.")


def _wrong_password() -> IdentityError:
    return IdentityError(
        f"{_SOURCE}: the password does not open it, or the file is damaged",
        remedy="Check identity.key_password: openssl pkcs12 -in FILE -noout asks for the same password. If that works, "
        "write the file anew: openssl pkcs12 -legacy -in FILE -noenc | openssl pkcs12 -export -out NEW.p12",
    )
