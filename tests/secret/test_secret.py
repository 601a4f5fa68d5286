from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from sidecar import secret
from sidecar.config.refs import CommandRef, CredentialRef, EnvRef, FileRef, KeyringRef
from sidecar.errors import SecretError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_secret_is_read_from_where_its_reference_says(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("from the file\n", encoding="utf-8")
    assert secret.read(EnvRef("NAME"), {"NAME": "from the variable"}).reveal() == "from the variable"
    assert secret.read(FileRef(str(path)), {}).reveal() == "from the file"


def test_a_secret_is_read_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old", encoding="utf-8")
    assert secret.read(FileRef(str(path)), {}).reveal() == "old"
    path.write_text("new", encoding="utf-8")
    assert secret.read(FileRef(str(path)), {}).reveal() == "new"


def test_a_credential_a_keyrings_entry_and_a_command_are_read_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "name").write_text("from the manager", encoding="utf-8")
    assert secret.read(CredentialRef("name"), {"CREDENTIALS_DIRECTORY": str(tmp_path)}).reveal() == "from the manager"
    assert secret.read(CommandRef(("echo", "from it")), {"PATH": "/usr/bin:/bin"}).reveal() == "from it"
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(SecretError, match="the keyring's entry a/b"):
        secret.read(KeyringRef("a", "b"), {})


def test_a_command_is_run_again_only_when_what_it_wrote_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    ref, environ = CommandRef(("cat", str(path))), {"PATH": "/usr/bin:/bin"}
    path.write_text("old", encoding="utf-8")
    assert secret.read(ref, environ).reveal() == "old"
    path.write_text("new", encoding="utf-8")
    assert secret.read(ref, environ).reveal() == "old"
    secret.forget()
    assert secret.read(ref, environ).reveal() == "new"
