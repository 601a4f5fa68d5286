"""A secret in this machine's keyring (Secret Service, KWallet, macOS Keychain …), through the library `keyring`."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sidecar.errors import SecretError
from sidecar.secret.text import secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from sidecar.config.refs import KeyringRef
    from sidecar.redact import Secret


def read(ref: KeyringRef) -> Secret:
    """Return what the keyring holds for `ref`. Blocks, as long as the keyring asks its owner.

    Raises SecretError if there is no keyring, it is locked, or holds nothing there.
    """
    where = _where(ref)
    with _told(where) as keyring:
        found: str | None = keyring.get_password(ref.service, ref.user)
    if found is None:
        remedy = f"Store it: finhub-sidecar login --keyring {ref.service}/{ref.user}"
        raise SecretError(f"{where} does not exist", remedy=remedy)
    return secret(found.encode("utf-8", "surrogateescape"), where)


def store(ref: KeyringRef, value: Secret) -> None:
    """Put `value` into the keyring at `ref`, over what was there. Blocks; SecretError as `read`."""
    with _told(_where(ref)) as keyring:
        keyring.set_password(ref.service, ref.user, value.reveal())


def _where(ref: KeyringRef) -> str:
    return f"the keyring's entry {ref.service}/{ref.user}"


@contextlib.contextmanager
def _told(where: str) -> Iterator[ModuleType]:
    """Give the library, and turn what it raises into SecretError."""
    try:
        import keyring  # noqa: PLC0415  # an extra, and hardly anybody needs it
        from keyring.errors import KeyringError  # noqa: PLC0415  # as above
    except ImportError:
        raise SecretError(
            f"{where} cannot be read: the library keyring is not installed",
            remedy="Install it: pip install 'finhub-sidecar[keyring]'",
        ) from None
    try:
        yield keyring
    except (KeyringError, RuntimeError) as error:
        # Its kind only: what a backend says may quote what it was asked.
        raise SecretError(
            f"{where} cannot be used: {type(error).__name__}",
            remedy="Unlock the keyring of the user that runs the sidecar; `keyring diagnose` shows which one it is.",
        ) from None
