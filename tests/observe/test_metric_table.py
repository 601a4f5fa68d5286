from __future__ import annotations

import re
from pathlib import Path

import pytest

from sidecar.observe import metric_table as table

ROOT = Path(__file__).parents[2]
ALL = (*table.COUNTERS, *table.HISTOGRAMS, *table.GAUGES)
SPECS = [value for value in vars(table).values() if isinstance(value, table.Spec)]


def test_every_metric_is_listed_once_under_its_type() -> None:
    assert sorted(spec.name for spec in ALL) == sorted(spec.name for spec in SPECS)
    assert len({spec.name for spec in ALL}) == len(ALL)
    listed = {
        "counter": table.COUNTERS,
        "histogram": table.HISTOGRAMS,
        "gauge": table.GAUGES[:-1],
        "info": [table.BUILD],
    }
    assert all(spec.type == kind for kind, specs in listed.items() for spec in specs)


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.name)
def test_a_name_is_as_prometheus_asks(spec: table.Spec) -> None:
    assert re.fullmatch(r"finhub_sidecar_[a-z]+(_[a-z]+)*", spec.name)
    assert spec.name.endswith("_total") == (spec.type == "counter")
    assert spec.type != "histogram" or spec.name.endswith("_seconds")


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.name)
def test_a_meaning_is_one_line_and_every_label_is_explained(spec: table.Spec) -> None:
    assert spec.meaning.endswith(".")
    assert "\n" not in spec.meaning
    assert set(spec.labels) <= set(table.LABELS)


def test_no_label_is_explained_that_nothing_bears() -> None:
    assert {label for spec in ALL for label in spec.labels} | {"tenant"} == set(table.LABELS)


def test_the_buckets_rise() -> None:
    assert sorted(set(table.BUCKETS)) == list(table.BUCKETS)


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.name)
def test_a_series_has_a_value_for_each_label(spec: table.Spec) -> None:
    assert {len(values) for values in spec.series} <= {len(spec.labels)}
    assert len(set(spec.series)) == len(spec.series)


def test_the_rules_are_those_that_the_guard_names() -> None:
    """Each stands in the code as the first argument of a refusal, or is the class's own."""
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "sidecar" / "guard").glob("*.py"))
    named = re.findall(r"(?:Denied|Malformed)\(\s*\"(\w+)\"", source) + re.findall(
        r"^    rule = \"(\w+)\"", source, re.MULTILINE
    )
    assert set(named) == set(table.RULES)
