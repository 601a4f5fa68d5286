from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from sidecar.emulator import pairs
from sidecar.emulator.certificates import generate
from sidecar.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    made = generate("8812345", dt.datetime.now(dt.UTC))
    for name, content in pairs.folder(made).items():
        (tmp_path / name).write_bytes(content)
    assert pairs.read(tmp_path) == made


def test_a_folder_that_lacks_a_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ca\.crt cannot be read: No such file") as caught:
        pairs.read(tmp_path)
    assert "certs dev --dir" in caught.value.remedy
