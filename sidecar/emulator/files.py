"""The folder that goes with an emulator: certificates, secrets and a sidecar configuration that fits them."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sidecar.emulator.certificates import Certificates, client_pkcs12
from sidecar.emulator.toml import sidecar_toml
from sidecar.errors import ConfigError
from sidecar.redact import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sidecar.emulator.account import Account
    from sidecar.emulator.environments import Environment

CONFIG: Final = "sidecar.toml"
MARKER: Final = ".finhub-emulator"
_PUBLIC: Final = frozenset({"ca.crt", "client.crt", CONFIG, MARKER})
_MARK: Final = b"The emulator writes this folder anew whenever it starts. Keep nothing of your own here.\n"


def folder(account: Account, certificates: Certificates, rules: Environment, url: str) -> dict[str, bytes]:
    """Return every file of the folder, name → content."""
    archive_password = Secret(secrets.token_urlsafe(18))
    return {
        MARKER: _MARK,
        "ca.crt": certificates.ca_pem,
        "client.crt": certificates.client_pem,
        "client.key": certificates.client_key_pem,
        "client.p12": client_pkcs12(certificates, archive_password),
        "client.p12.password": _line(archive_password),
        "password": _line(account.password),
        "customer_secret": _line(account.customer_secret),
        "tenant_secret": _line(account.tenant_secret),
        CONFIG: sidecar_toml(account, rules, url).encode(),
    }


def write(directory: Path, content: Mapping[str, bytes]) -> Path:
    """Write `content` into `directory`, each file whole or not at all; return the configuration's path.

    A folder that does not carry our mark and holds one of the names is left alone: it may be somebody's real key.
    Raises ConfigError.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_ours(directory, content)
        for name, data in content.items():
            _replace(directory / name, data)
    except OSError as error:
        raise ConfigError(
            f"{directory} cannot be written: {error.strerror or error}", remedy="Choose another folder with --dir."
        ) from error
    return directory / CONFIG


@contextlib.contextmanager
def temporary(prefix: str) -> Iterator[Path]:
    """Give a private folder that goes when we go; ConfigError where no place for one can be written to."""
    try:
        made = tempfile.TemporaryDirectory(prefix=prefix)
    except OSError as error:
        raise ConfigError(
            f"no temporary folder can be made: {error.strerror or error}",
            remedy="Set TMPDIR to a folder that exists and can be written to.",
        ) from None
    with made as folder:
        yield Path(folder)


def _check_ours(directory: Path, content: Mapping[str, bytes]) -> None:
    taken = [] if (directory / MARKER).exists() else [name for name in content if (directory / name).exists()]
    if taken:
        raise ConfigError(
            f"{directory} holds files that no emulator wrote: {', '.join(taken)}",
            remedy="Choose an empty folder with --dir; nothing was changed.",
        )


def _replace(path: Path, data: bytes) -> None:
    """Put `data` in the place of `path`, readable by its owner alone unless it is public; never half of it."""
    mode = 0o644 if path.name in _PUBLIC else 0o600
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
    fresh.replace(path)


def _line(secret: Secret) -> bytes:
    return f"{secret.reveal()}\n".encode()
