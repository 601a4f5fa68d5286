"""What travels through an engine: AES-256-GCM under a ring of keys, bound to whose it is; nothing is in the clear.

Pure: chance comes in as the nonce. A sealed text is a mark of this format, which key sealed it, the nonce, and what
AES-GCM makes of the plain text and of what it is `about`, which is not stored: an entry that was moved, or
written under another fence, does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sidecar.errors import SecretError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sidecar.redact import Secret

NONCE: Final = 12  # bytes, all of them chance: NIST SP 800-38D §8.2.2 allows 2³² entries under one key
_MARK: Final = b"FHS1"
_ID: Final = 8
_KEY: Final = 32
_HEAD: Final = len(_MARK) + _ID + NONCE
_FORM: Final = "base64 of 32 bytes, one key a line"


class Unopenable(Exception):
    """Why a sealed text cannot be opened, in words."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a ring; `id` is told in the clear, and tells nothing of it."""

    id: bytes
    _aes: AESGCM = field(repr=False)
    _mac: bytes = field(repr=False)

    @staticmethod
    def of(raw: bytes) -> Key:
        """Return the key that these 32 bytes are."""
        return Key(_derived(raw, b"id")[:_ID], AESGCM(_derived(raw, b"seal")), _derived(raw, b"digest"))

    def digest(self, text: bytes) -> str:
        """Return a digest that only who has the key can make, or check a guess against."""
        return hmac.digest(self._mac, text, "sha256").hex()

    def _sealed(self, plain: bytes, about: bytes, nonce: bytes) -> bytes:
        return self._aes.encrypt(nonce, plain, _MARK + about)

    def _opened(self, text: bytes, about: bytes, nonce: bytes) -> bytes:
        return self._aes.decrypt(nonce, text, _MARK + about)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys, at least one: the first seals, all open."""

    keys: tuple[Key, ...]

    def seal(self, plain: bytes, about: bytes, nonce: bytes) -> bytes:
        """Return `plain` sealed; `nonce` is NONCE bytes of chance, never the same twice."""
        key = self.keys[0]
        return _MARK + key.id + nonce + key._sealed(plain, about, nonce)  # noqa: SLF001  # one module, one idea

    def open(self, text: bytes, about: bytes) -> tuple[bytes, Key]:
        """Return what was sealed, and the key that it was sealed with. Raises Unopenable."""
        if not text.startswith(_MARK) or len(text) < _HEAD:
            raise Unopenable("it is of another format")
        nonce = text[_HEAD - NONCE : _HEAD]
        key = next((key for key in self.keys if text.startswith(_MARK + key.id)), None)
        if key is None:
            raise Unopenable("it was sealed with another key")
        try:
            return key._opened(text[_HEAD:], about, nonce), key  # noqa: SLF001  # as above
        except InvalidTag:
            raise Unopenable("it was altered, or belongs to another session") from None


def ring(text: Secret) -> KeyRing:
    """Return the keys that a secret's text holds, one a line. Raises SecretError, which shows none of them."""
    lines = [line.strip() for line in text.reveal().splitlines() if line.strip()]
    if not lines:
        raise SecretError(f"session.store_key: no key in it; expected {_FORM}", remedy=_REMEDY)
    keys = tuple(_key(number, line) for number, line in enumerate(lines, 1))
    if len({key.id for key in keys}) < len(keys):
        raise SecretError("session.store_key: the same key twice", remedy="Name each key once.")
    return KeyRing(keys)


def digest_of(parts: Iterable[str]) -> bytes:
    """Return one digest of some texts, each apart from the next; no key is in it, so it stays in this process."""
    return hashlib.sha256(b"".join(b"%d:%b" % (len(part), part) for part in (text.encode() for text in parts))).digest()


_REMEDY: Final = "Make one: openssl rand -base64 32"


def _key(number: int, line: str) -> Key:
    try:
        raw = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != _KEY:
        raise SecretError(f"session.store_key: line {number} is no key; expected {_FORM}", remedy=_REMEDY)
    return Key.of(raw)


def _derived(raw: bytes, use: bytes) -> bytes:
    """Return 32 bytes for one use: what one of them lets out says nothing about the others."""
    return hmac.digest(raw, b"finhub-sidecar session store: " + use, "sha256")
