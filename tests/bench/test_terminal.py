"""A developer sees absolute numbers, ratios and verdicts."""

from __future__ import annotations

import benchrun

from bench import terminal
from bench.readings import Kind, Measure, Readings
from bench.verdicts import judge


def test_a_row_has_medians_and_the_sidecars_ratios() -> None:
    lines = terminal.table(benchrun.short()).splitlines()
    assert lines[0].split() == ["sidecar", "nginx", "envoy", "naive", "÷", "nginx", "÷", "envoy", "÷", "naive"]
    assert "requests/s, 64 callers                                4.0        8.0        2.0        1.0" in lines[2]
    assert lines[2].split()[-3:] == ["0.50", "2.00", "4.00"]


def test_what_was_not_read_is_a_dash() -> None:
    readings = Readings()
    readings.add(Measure(Kind.IDLE_CPU, 1000), "sidecar", 0, 40.0)
    row = terminal.table(readings).splitlines()[1]
    assert row.startswith("CPU per request beside idle callers, µs, 1,000 idle")
    assert row.split()[-7:] == ["40.0", "–", "–", "–", "–", "–", "–"]


def test_an_aged_process_is_no_subject_but_has_its_trend() -> None:
    assert "past" not in terminal.table(benchrun.long())
    assert "CPU per request, past requests: 1,000,000            1.20\n" in terminal.trends(benchrun.long())
    assert terminal.trends(benchrun.short()) == ""


def test_each_bound_has_its_verdict() -> None:
    lines = terminal.verdicts(judge(benchrun.short())).splitlines()
    assert len(lines) == 11
    assert lines[1].startswith("requests/s, 64 callers ≥ 0.45 × nginx's")
    assert lines[1].endswith("0.50  holds")
