"""Where secrets come from, one module per kind of place; they are read as late as possible.

Thin: reads files, the given environment, the keyring and what commands write, and blocks; not for an event loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sidecar.config.refs import CommandRef, CredentialRef, EnvRef, KeyringRef, SecretRef
from sidecar.secret import env, file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sidecar.redact import Secret
    from sidecar.secret.command import Cache

__all__ = ["forget", "read"]

_caches: Final[list[Cache]] = []  # the one of this process, once a command was needed


def read(ref: SecretRef, environ: Mapping[str, str]) -> Secret:
    """Return the secret that a reference names, as it is at this moment. Raises SecretError, which never shows it.

    What a command wrote is as it was within its `cache` seconds; a command is given `environ`.
    """
    match ref:
        case EnvRef():
            return env.read(ref, environ)
        case CredentialRef():
            from sidecar.secret import credential  # noqa: PLC0415  # most secrets are in files and variables

            return credential.read(ref, environ)
        case KeyringRef():
            from sidecar.secret import keychain  # noqa: PLC0415  # as above

            return keychain.read(ref)
        case CommandRef():
            return _cache().read(ref, environ)
    return file.read(ref)


def forget() -> None:
    """Let every command be run again when its secret is read next."""
    for cache in _caches:
        cache.forget()


def _cache() -> Cache:
    from sidecar.secret.command import Cache  # noqa: PLC0415  # as above

    if not _caches:
        _caches.append(Cache())
    return _caches[0]
