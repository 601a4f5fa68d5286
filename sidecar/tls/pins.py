"""Pinning: beyond a valid chain, FinHub's certificate must hold one of the keys that the operator named.

A pin is the SHA-256 of a SubjectPublicKeyInfo (RFC 7469 §2.4): it outlives a renewed certificate with the same key.
"""

from __future__ import annotations

import hashlib
import ssl
from base64 import b64encode
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sidecar.wire.tls_causes import OTHER_KEY

if TYPE_CHECKING:
    from collections.abc import Collection


class PinMismatch(ssl.SSLCertVerificationError):
    """The chain is trusted, and the key is none of the pinned ones; shaped as OpenSSL's own verdicts are."""

    def __init__(self, found: str) -> None:
        super().__init__("the public key is not pinned")
        self.verify_code = OTHER_KEY
        self.verify_message = f"its key is sha256/{found}"


def pin_of(certificate: bytes) -> str:
    """Return the pin of a DER certificate's key, in base64."""
    key = x509.load_der_x509_certificate(certificate).public_key()
    return b64encode(
        hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    ).decode()


def pin(context: ssl.SSLContext, pins: Collection[str]) -> None:
    """Let every handshake of `context` fail with PinMismatch unless the server's own key is one of `pins` (base64)."""
    context.sslobject_class = _pinned(frozenset(pins))


def _pinned(pins: frozenset[str]) -> type[ssl.SSLObject]:
    """Return an SSLObject that judges the key as the last step of its handshake, before any byte of ours is sent."""

    class Pinned(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            found = pin_of(self.getpeercert(binary_form=True) or b"")
            if found not in pins:
                raise PinMismatch(found)

    return Pinned
