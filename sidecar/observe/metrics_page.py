"""Writes docs/metrics.md: `python -m sidecar.observe.metrics_page [FOLDER]`, FOLDER is the repository."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sidecar.observe import metric_table as table

if TYPE_CHECKING:
    from sidecar.observe.metric_table import Spec

PAGE: Final = "docs/metrics.md"

_HEAD: Final = """# Metrics

Generated from `sidecar/observe/metric_table.py` by `python -m sidecar.observe.metrics_page`; do not edit.

`GET /metrics` on the admin listener (`admin.address`) shows them to any peer and under any Host, as the probes: in
Prometheus' text format 0.0.4, or as OpenMetrics where `Accept` asks for it. Counters begin at 0 with the process;
of requests, a series appears with its first one. No label holds a path or anything else that a caller or FinHub
chooses; where there are `[[tenants]]`, every metric has one label more, the name of one of them. On Linux the
process's own follow (`process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_open_fds`,
`process_start_time_seconds` and others).

[runbook.md](runbook.md) tells what to do about an alert; `deploy/prometheus/` and `deploy/grafana/` hold rules and a
dashboard.
"""


def page() -> str:
    """Return the page: every metric, then the values of every label."""
    metrics = _table(
        ("metric", "type", "labels", "meaning"),
        [_row(spec) for spec in (*table.COUNTERS, *table.HISTOGRAMS, *table.GAUGES)],
    )
    labels = _table(("label", "values"), [(f"`{name}`", values) for name, values in table.LABELS.items()])
    bounds = ", ".join(f"{bound:g}" for bound in table.BUCKETS)
    return f"{_HEAD}\n{metrics}\nBuckets of the histograms, in seconds: {bounds}.\n\n## Labels\n\n{labels}"


def main(folder: str = ".") -> None:
    """Write the page into the repository at `folder`."""
    path = Path(folder, PAGE)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(), encoding="utf-8", newline="\n")


def _row(spec: Spec) -> tuple[str, ...]:
    return f"`{spec.name}`", spec.type, ", ".join(f"`{label}`" for label in spec.labels), spec.meaning


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    head, *body = (f"| {' | '.join(cells)} |\n" for cells in (heads, *rows))
    return "".join((head, f"{'|---' * len(heads)}|\n", *body))


if __name__ == "__main__":
    main(*sys.argv[1:])
