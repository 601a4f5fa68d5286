from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar import secret
from sidecar.config.refs import EnvRef, FileRef

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
