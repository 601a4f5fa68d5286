"""Certificates in a folder that outlives an emulator: `certs dev` writes it once, `emulator --certs` reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sidecar.emulator.certificates import Certificates
from sidecar.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NAMES: Final[Mapping[str, str]] = {
    "ca_pem": "ca.crt",
    "server_pem": "server.crt",
    "server_key_pem": "server.key",
    "client_pem": "client.crt",
    "client_key_pem": "client.key",
}


def folder(certificates: Certificates) -> dict[str, bytes]:
    """Return every file of such a folder, name → content."""
    return {file: getattr(certificates, name) for name, file in _NAMES.items()}


def read(directory: Path) -> Certificates:
    """Return the certificates that `directory` holds; ConfigError where a file of it cannot be read."""
    try:
        return Certificates(**{name: (directory / file).read_bytes() for name, file in _NAMES.items()})
    except OSError as error:
        raise ConfigError(
            f"{error.filename} cannot be read: {error.strerror}",
            remedy="Name a folder that `finhub-sidecar certs dev --dir DIR` made.",
        ) from None
