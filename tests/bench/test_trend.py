"""What a request costs beside idle callers is set against the fewest; after the past, against a fresh process."""

from __future__ import annotations

import benchrun
import pytest

from bench import trend
from bench.readings import AGED, Kind, Measure, Readings


def test_idle_callers_are_set_against_the_fewest_of_them() -> None:
    assert trend.beside_idle(benchrun.long()) == [(1, 1.0), (1000, 1.05)]


@pytest.mark.parametrize("kind", [Kind.PAST_CPU, Kind.PAST_MEMORY])
def test_an_aged_process_is_set_against_a_fresh_one(kind: Kind) -> None:
    assert trend.after_past(benchrun.long(), kind) == [(10_000, 1.0), (1_000_000, 1.2)]


def test_what_has_nothing_to_be_set_against_is_left_out() -> None:
    readings = Readings()
    readings.add(Measure(Kind.PAST_CPU, 10), AGED, 0, 1.0)
    readings.add(Measure(Kind.IDLE_CPU, 10), "sidecar", 0, 0.0)
    assert trend.rows(readings) == []


def test_every_ratio_has_a_title() -> None:
    assert trend.rows(benchrun.long()) == [
        ("CPU per request, idle callers: 1", 1.0),
        ("CPU per request, idle callers: 1,000", 1.05),
        ("CPU per request, past requests: 10,000", 1.0),
        ("CPU per request, past requests: 1,000,000", 1.2),
        ("memory, past requests: 10,000", 1.0),
        ("memory, past requests: 1,000,000", 1.2),
    ]
