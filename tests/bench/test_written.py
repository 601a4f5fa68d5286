"""Page and picture are written together, and the page shows the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import benchrun

from bench import written
from bench.plan import Plan
from bench.verdicts import judge

if TYPE_CHECKING:
    from pathlib import Path


def test_page_and_picture_lie_beside_each_other(tmp_path: Path) -> None:
    readings = benchrun.short()
    written.write(readings, judge(readings), Plan(), {"nginx": "1.22"}, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"performance.md", "performance.svg"}
    assert "](performance.svg)" in (tmp_path / "performance.md").read_text(encoding="utf-8")


def test_docs_is_where_they_go() -> None:
    assert (written.DOCS / "ARCHITECTURE.md").exists()
