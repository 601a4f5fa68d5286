from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from sidecar.cli import new_files
from sidecar.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

KEY = b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"


def test_a_key_is_its_owners_alone_and_other_files_are_not(tmp_path: Path) -> None:
    before = os.umask(0o022)  # under which other files can be read by everybody
    try:
        new_files.write({tmp_path / "a.key": KEY, tmp_path / "a.crt": b"public"})
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"a.key": 0o600, "a.crt": 0o644}
    assert (tmp_path / "a.key").read_bytes() == KEY
    assert (tmp_path / "a.crt").read_bytes() == b"public"


def test_what_exists_stays_and_nothing_else_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "a.crt").write_bytes(b"mine")
    with pytest.raises(ConfigError, match=r"a\.crt exists already"):
        new_files.write({tmp_path / "a.key": KEY, tmp_path / "a.crt": b"other"})
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.crt", b"mine")]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="exists already"):
        new_files.write({tmp_path / "a.key": KEY})
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written: No such file"):
        new_files.write({tmp_path / "no" / "a.key": KEY})
