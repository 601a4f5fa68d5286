"""Files that did not exist before, all or none of them; what exists is never touched."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from sidecar.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_KEY_MARK: Final = b"PRIVATE KEY-----"


def write(files: Mapping[Path, bytes]) -> None:
    """Write each content to its path; one that holds a private key can be read by its owner alone.

    Raises ConfigError if one exists or cannot be written; then none is left behind.
    """
    with contextlib.ExitStack() as undo:
        for path, content in files.items():
            _create(path, content, undo)
        undo.pop_all()


def _create(path: Path, content: bytes, undo: contextlib.ExitStack) -> None:
    mode = 0o600 if _KEY_MARK in content else 0o644
    try:
        # O_EXCL: neither a file nor a link that somebody else put there.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            undo.callback(path.unlink, missing_ok=True)
            file.write(content)
    except FileExistsError:
        remedy = "Choose another place, or move the file away: it is never overwritten."
        raise ConfigError(f"{path} exists already", remedy=remedy) from None
    except OSError as error:
        remedy = "Choose a place in a folder that exists and can be written to."
        raise ConfigError(f"{path} cannot be written: {error.strerror}", remedy=remedy) from None
