"""The files behind identity and trust, read whole and bounded.

Thin: reads, and says in the configuration's words why it cannot. Blocking: call it in a thread.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sidecar.errors import ConfigError, IdentityError
from sidecar.tls.identity import Identity, IdentityBytes, parse

if TYPE_CHECKING:
    from datetime import datetime

    from sidecar.redact import Secret

IDENTITY_LIMIT: Final = 1024 * 1024  # bytes; a long chain takes some 20 KiB
TRUST_LIMIT: Final = 32 * 1024 * 1024  # bytes; revocation lists of public CAs reach several MiB

_OTHERS: Final = stat.S_IROTH | stat.S_IWOTH
_KEY_MARK: Final = b"PRIVATE KEY-----"  # RFC 7468, of every kind


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityFiles:
    """Where the identity lies: a PEM certificate (its key beside it or in a file of its own), or a PKCS#12 file."""

    certificate_file: str | None = None
    key_file: str | None = None
    pkcs12_file: str | None = None


def read(files: IdentityFiles) -> IdentityBytes:
    """Return the contents of the files that are named; None where none is.

    A file with a private key in it that every user of this machine can read or write is told as `exposed`.

    Raises:
        IdentityError: a file is missing, unreadable, empty or larger than 1 MiB; names its key and the remedy.
    """
    certificate = _identity_file("identity.certificate_file", files.certificate_file)
    key = _identity_file("identity.key_file", files.key_file)
    pkcs12 = _identity_file("identity.pkcs12_file", files.pkcs12_file)
    found = filter(None, (certificate, key, pkcs12))
    return IdentityBytes(
        certificate=certificate.content if certificate else None,
        key=key.content if key else None,
        pkcs12=pkcs12.content if pkcs12 else None,
        exposed=tuple(one.exposure for one in found if one.exposure),
    )


def refuse_exposed(identity: IdentityBytes) -> None:
    """Raise IdentityError where a file with a private key in it can be read by every user of this machine."""
    if identity.exposed:
        raise IdentityError(
            "\n".join(identity.exposed),
            remedy="Make it the sidecar's alone (chmod 600; for a Kubernetes volume defaultMode: 0440 and an fsGroup), "
            "or set identity.unsafe_key_mode = true where the volume cannot do better.",
        )


def load(files: IdentityFiles, password: Secret | None, now: datetime) -> Identity:
    """Return the identity that the files hold at `now` (UTC): `read`, then `parse`, with the errors of both."""
    return parse(read(files), password, now)


def read_trust(key: str, path: str) -> bytes:
    """Return the content of a trust file; `key` is its configuration key (`upstream.ca_file`, `upstream.crl_file`).

    Raises:
        ConfigError: the file is missing, unreadable, empty or larger than 32 MiB.
    """
    try:
        return _content(path, TRUST_LIMIT)[0]
    except _Unreadable as why:
        raise ConfigError(f"{key}: {why} ({path})", remedy=f"Name a readable PEM file in {key}.") from None


class _Unreadable(Exception):
    """Why a file cannot be used, in words; translated before it leaves this module."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A file's content, and the `exposure` of its key in words, if there is one."""

    content: bytes = field(repr=False)
    exposure: str


def _identity_file(key: str, path: str | None) -> _Found | None:
    if path is None:
        return None
    try:
        content, mode = _content(path, IDENTITY_LIMIT)
        secret = key == "identity.pkcs12_file" or _KEY_MARK in content
        exposed = secret and mode & _OTHERS
        exposure = f"{key}: every user of this machine can read or write the key (mode {mode:04o}, {path})"
        return _Found(content, exposure if exposed else "")
    except _Unreadable as why:
        remedy = f"Name in {key} a file that the sidecar's user can read, and that holds what the key says."
        raise IdentityError(f"{key}: {why} ({path})", remedy=remedy) from None


def _content(path: str, limit: int) -> tuple[bytes, int]:
    """Return the content and the permission bits of the very file that was read."""
    try:
        content, mode = _head(Path(path), limit + 1)
    except OSError as error:
        raise _Unreadable(f"the file cannot be read: {error.strerror}") from None
    if not content:
        raise _Unreadable("the file is empty")
    if len(content) > limit:
        raise _Unreadable(f"the file is larger than {limit // (1024 * 1024)} MiB")
    return content, mode


def _head(path: Path, size: int) -> tuple[bytes, int]:
    """Return at most `size` bytes; a pipe or a device is refused before it is opened, since reading it could wait."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise _Unreadable("it is not a regular file")
    with path.open("rb") as file:
        return file.read(size), stat.S_IMODE(os.fstat(file.fileno()).st_mode)
