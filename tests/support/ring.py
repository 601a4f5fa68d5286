"""A keyring in a file, for tests: also of programs, by PYTHON_KEYRING_BACKEND=ring.FileRing and PYTHONPATH."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

WHERE = "RING_FILE"


class FileRing(KeyringBackend):
    """Entries in the JSON file that the variable RING_FILE names; one that is named "locked" cannot be read."""

    priority = 1  # type: ignore[assignment]  # the library's own backends spell it so

    def get_password(self, service: str, username: str) -> str | None:
        if service == "locked":
            raise KeyringLocked("hunter2")
        return _entries().get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        if service == "locked":
            raise KeyringLocked(password)
        _path().write_text(json.dumps({**_entries(), f"{service}/{username}": password}), encoding="utf-8")


def _path() -> Path:
    return Path(os.environ[WHERE])


def _entries() -> dict[str, str]:
    return json.loads(_path().read_text(encoding="utf-8")) if _path().exists() else {}
