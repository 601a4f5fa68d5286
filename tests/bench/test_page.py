"""The page tells verdicts and ratios, and claims nothing that was not measured."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import benchrun

from bench.page import page
from bench.plan import Plan
from bench.readings import Readings
from bench.verdicts import judge

if TYPE_CHECKING:
    from bench.readings import Readings as Found

VERSIONS = {"sidecar": "0.1.0", "Envoy": "1.40.0"}


def made(readings: Found) -> str:
    return page(readings, judge(readings), Plan(), VERSIONS)


def test_each_bound_stands_with_its_ratio_and_verdict() -> None:
    text = made(benchrun.short())
    assert "| requests/s, 64 callers | ≥ 1 × Envoy's (aim: 1.4) | 2.00 | **holds, and reaches the aim** |" in text
    assert "| start to first served request | ≤ 1.5 × the naive proxy's | 4.00 | **does not hold** |" in text


def test_the_sidecar_is_set_beside_each_of_the_others_at_every_number_of_callers() -> None:
    text = made(benchrun.short())
    assert "|  | ÷ nginx | ÷ Envoy | ÷ naive aiohttp |" in text
    for callers in ("1 caller", "64 callers", "256 callers"):
        assert f"| p99, {callers} | 0.50 | 2.00 | 4.00 |" in text
    assert "| 100 MB down | 0.50 | 2.00 | 4.00 |" in text


def test_all_are_set_against_nginx() -> None:
    assert "| memory after load | 0.50 | 1.00 | 0.25 | 0.12 |" in made(benchrun.short())


def test_the_long_part_is_told_only_where_it_was_measured() -> None:
    short, long = made(benchrun.short()), made(benchrun.long())
    assert "| CPU per request, idle callers: 1,000 | 1.05 |" in long
    assert "a million" in long
    for words in ("--long", "idle", "a million", "does not grow", "Past requests"):
        assert words in long
        assert words not in short


def test_without_readings_every_bound_is_not_measured() -> None:
    text = made(Readings())
    assert text.count("**not measured**") == 11
    assert "holds" not in text


def test_the_run_and_the_versions_are_named() -> None:
    text = made(benchrun.short())
    assert "**5 rounds** of 2 s" in text
    assert "| Envoy | 1.40.0 |" in text


def test_every_table_is_whole_and_every_section_apart() -> None:
    text = made(benchrun.long())
    for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1
    assert "\n\n\n" not in text
    assert text.endswith("|\n")
