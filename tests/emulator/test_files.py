from __future__ import annotations

import datetime as dt
import os
import stat
import tempfile
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from sidecar.emulator.certificates import generate
from sidecar.emulator.environments import PRODUCTION
from sidecar.emulator.files import folder, temporary, write
from sidecar.emulator.settings import made_up_account
from sidecar.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = made_up_account()
CERTIFICATES = generate("8812345", dt.datetime.now(dt.UTC))
CONTENT = folder(ACCOUNT, CERTIFICATES, PRODUCTION, "https://localhost:1")
SECRET = {"client.key", "client.p12", "client.p12.password", "password", "customer_secret", "tenant_secret"}


def test_a_fresh_folder_is_private_and_so_is_every_secret(tmp_path: Path) -> None:
    before = os.umask(0o022)  # under which other files can be read by everybody
    try:
        config = write(tmp_path / "new" / "folder", CONTENT)
    finally:
        os.umask(before)
    assert config == tmp_path / "new" / "folder" / "sidecar.toml"
    assert stat.S_IMODE(config.parent.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in config.parent.iterdir()}
    assert modes.keys() == CONTENT.keys()
    assert {name for name, mode in modes.items() if mode == 0o600} == SECRET


def test_a_temporary_folder_is_private_and_goes_with_the_block() -> None:
    with temporary("finhub-test-") as made:
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
        (made / "key").write_text("k")
    assert not made.exists()


def test_where_no_temporary_folder_can_be_made_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(ConfigError, match="no temporary folder can be made: No such file") as refusal, temporary("f-"):
        raise AssertionError
    assert "TMPDIR" in refusal.value.remedy


def test_the_files_hold_what_they_are_named_for(tmp_path: Path) -> None:
    home = write(tmp_path / "f", CONTENT).parent
    assert (home / "password").read_text() == ACCOUNT.password.reveal() + "\n"
    assert (home / "customer_secret").read_text() == ACCOUNT.customer_secret.reveal() + "\n"
    assert (home / "ca.crt").read_bytes() == CERTIFICATES.ca_pem
    assert (home / "client.key").read_bytes() == CERTIFICATES.client_key_pem
    password = (home / "client.p12.password").read_bytes().strip()
    assert pkcs12.load_key_and_certificates((home / "client.p12").read_bytes(), password)[0] is not None


def test_our_own_folder_is_written_anew(tmp_path: Path) -> None:
    home = write(tmp_path / "f", CONTENT).parent
    (home / "password").write_text("old")
    (home / ".password.new").write_text("left behind by a crash")
    write(home, CONTENT)
    assert (home / "password").read_bytes() == CONTENT["password"]
    assert stat.S_IMODE((home / "password").stat().st_mode) == 0o600
    assert {path.name for path in home.iterdir()} == CONTENT.keys()


def test_somebody_elses_key_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "client.key").write_text("a real key")
    with pytest.raises(ConfigError) as raised:
        write(tmp_path, CONTENT)
    assert "client.key" in raised.value.detail
    assert [path.name for path in tmp_path.iterdir()] == ["client.key"]
    assert (tmp_path / "client.key").read_text() == "a real key"


def test_a_folder_with_other_things_in_it_will_do(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    write(tmp_path, CONTENT)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError) as raised:
        write(tmp_path / "file", CONTENT)
    assert str(tmp_path / "file") in raised.value.detail
    assert "--dir" in raised.value.remedy
