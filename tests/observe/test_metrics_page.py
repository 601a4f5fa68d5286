from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sidecar.observe import metric_table as table
from sidecar.observe.metrics_page import PAGE, main, page

ROOT = Path(__file__).parents[2]
AGAIN = "regenerate it: python -m sidecar.observe.metrics_page"


def test_the_page_in_the_repository_is_what_is_generated() -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == page(), AGAIN


def test_the_page_tells_of_every_metric_and_of_every_label() -> None:
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    named = [row.split("`")[1] for row in rows]
    assert named == [spec.name for spec in (*table.COUNTERS, *table.HISTOGRAMS, *table.GAUGES)] + list(table.LABELS)


def test_it_is_a_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sidecar.observe.metrics_page", str(tmp_path)]
    subprocess.run(command, check=True, timeout=60)
    assert (tmp_path / PAGE).read_text(encoding="utf-8") == page()


def test_the_page_is_written_below_the_folder(tmp_path: Path) -> None:
    main(str(tmp_path / "new"))
    assert (tmp_path / "new" / PAGE).is_file()
