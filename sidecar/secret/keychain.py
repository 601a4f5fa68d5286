"""A secret in this machine's keyring (Secret Service, KWallet, macOS Keychain …), through the library `keyring`."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

from sidecar.config.refs import LONGEST_TIMEOUT
from sidecar.errors import SecretError
from sidecar.secret.text import secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from sidecar.config.refs import KeyringRef
    from sidecar.redact import Secret

_PATIENCE: Final = LONGEST_TIMEOUT
_left_behind: Final[list[threading.Thread]] = []


def read(ref: KeyringRef) -> Secret:
    """Return what the keyring holds for `ref`. Blocks while the keyring asks its owner, a minute at most.

    Raises SecretError if there is no keyring, it is locked, does not answer, or holds nothing there.
    """
    where = _where(ref)
    with _told(where) as keyring:
        found: str | None = _in_time(lambda: keyring.get_password(ref.service, ref.user), where)
    if found is None:
        remedy = f"Store it: finhub-sidecar login --keyring {ref.service}/{ref.user}"
        raise SecretError(f"{where} does not exist", remedy=remedy)
    return secret(found.encode("utf-8", "surrogateescape"), where)


def store(ref: KeyringRef, value: Secret) -> None:
    """Put `value` into the keyring at `ref`, over what was there. Blocks, for as long as its owner is asked.

    Raises SecretError as `read`.
    """
    with _told(_where(ref)) as keyring:
        keyring.set_password(ref.service, ref.user, value.reveal())


def _where(ref: KeyringRef) -> str:
    return f"the keyring's entry {ref.service}/{ref.user}"


def _in_time(ask: Callable[[], str | None], where: str) -> str | None:
    """Return what `ask` does, which cannot be ended: no more than one that does not return is left behind."""
    if any(one.is_alive() for one in _left_behind):
        raise _silent(where)
    answer: Future[str | None] = Future()

    def work() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:  # noqa: BLE001  # told to the one that waits
            answer.set_exception(error)

    asking = threading.Thread(target=work, name="keyring", daemon=True)
    asking.start()
    try:
        return answer.result(_PATIENCE)
    except TimeoutError:
        _left_behind[:] = [asking]
        raise _silent(where) from None


def _silent(where: str) -> SecretError:
    return SecretError(
        f"{where} cannot be read: the keyring does not answer within {_PATIENCE:g} s",
        remedy="Unlock the keyring of the user that runs the sidecar: where nobody can be asked, it must be open.",
    )


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
