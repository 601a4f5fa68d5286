"""The page and the picture in `docs/`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.page import page
from bench.picture import picture

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.plan import Plan
    from bench.readings import Readings
    from bench.verdicts import Verdict

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"


def write(
    readings: Readings, judged: list[Verdict], plan: Plan, versions: Mapping[str, str], folder: Path = DOCS
) -> None:
    """Write both."""
    (folder / "performance.md").write_text(page(readings, judged, plan, versions), encoding="utf-8")
    (folder / "performance.svg").write_text(picture(readings), encoding="utf-8")
