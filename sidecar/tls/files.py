"""The files behind identity and trust, read whole and bounded.

Thin: reads, and says in the configuration's words why it cannot. Blocking: call it in a thread.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sidecar.errors import ConfigError, IdentityError
from sidecar.tls.identity import Identity, IdentityBytes, parse

if TYPE_CHECKING:
    from datetime import datetime

    from sidecar.redact import Secret

IDENTITY_LIMIT: Final = 1024 * 1024  # bytes; a long chain takes some 20 KiB
TRUST_LIMIT: Final = 32 * 1024 * 1024  # bytes; revocation lists of public CAs reach several MiB


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityFiles:
    """Where the identity lies: a PEM certificate (its key beside it or in a file of its own), or a PKCS#12 file."""

    certificate_file: str | None = None
    key_file: str | None = None
    pkcs12_file: str | None = None


def read(files: IdentityFiles) -> IdentityBytes:
    """Return the contents of the files that are named; None where none is.

    Raises:
        IdentityError: a file is missing, unreadable, empty or larger than 1 MiB; names its key and the remedy.
    """
    return IdentityBytes(
        certificate=_identity_file("identity.certificate_file", files.certificate_file),
        key=_identity_file("identity.key_file", files.key_file),
        pkcs12=_identity_file("identity.pkcs12_file", files.pkcs12_file),
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
        return _content(path, TRUST_LIMIT)
    except _Unreadable as why:
        raise ConfigError(f"{key}: {why} ({path})", remedy=f"Name a readable PEM file in {key}.") from None


class _Unreadable(Exception):
    """Why a file cannot be used, in words; translated before it leaves this module."""


def _identity_file(key: str, path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        return _content(path, IDENTITY_LIMIT)
    except _Unreadable as why:
        remedy = f"Name in {key} a file that the sidecar's user can read, and that holds what the key says."
        raise IdentityError(f"{key}: {why} ({path})", remedy=remedy) from None


def _content(path: str, limit: int) -> bytes:
    try:
        content = _head(Path(path), limit + 1)
    except OSError as error:
        raise _Unreadable(f"the file cannot be read: {error.strerror}") from None
    if not content:
        raise _Unreadable("the file is empty")
    if len(content) > limit:
        raise _Unreadable(f"the file is larger than {limit // (1024 * 1024)} MiB")
    return content


def _head(path: Path, size: int) -> bytes:
    """Return at most `size` bytes; a pipe or a device is refused before it is opened, since reading it could wait."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise _Unreadable("it is not a regular file")
    with path.open("rb") as file:
        return file.read(size)
