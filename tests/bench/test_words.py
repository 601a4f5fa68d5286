"""How ratios and measures are written."""

from __future__ import annotations

import benchrun
import pytest

from bench import words
from bench.readings import Kind, Measure, Readings


@pytest.mark.parametrize(
    ("ratio", "written"), [(None, "–"), (0.934, "0.93"), (12.3456, "12.35"), (99.99, "99.99"), (312.4, "312")]
)
def test_a_ratio_has_the_digits_that_it_is_worth(ratio: float | None, written: str) -> None:
    assert words.factor(ratio) == written


def test_ratios_come_in_the_order_of_the_titles() -> None:
    assert words.ratios(benchrun.short(), Measure(Kind.RATE, 64), "nginx") == [0.5, 1.0, 0.25, 0.125]


@pytest.mark.parametrize(("number", "written"), [(0, ""), (1, "1 caller"), (64, "64 callers")])
def test_callers_are_counted_in_words(number: int, written: str) -> None:
    assert words.callers(number) == written


@pytest.mark.parametrize(
    ("numbers", "shown"), [((1, 64, 256), 64), ((1, 8), 8), ((128, 256), 128), ((8, 256), 8), ((), 0)]
)
def test_where_one_number_of_callers_is_shown_it_is_64_or_the_nearest_to_it(numbers: list[int], shown: int) -> None:
    readings = Readings()
    for number in numbers:
        readings.add(Measure(Kind.RATE, number), "sidecar", 0, 1.0)
    assert words.shown_callers(readings) == shown


def test_only_what_is_measured_under_load_has_a_number_of_callers() -> None:
    assert words.single(Kind.P99, 64) == Measure(Kind.P99, 64)
    assert words.single(Kind.START, 64) == Measure(Kind.START)
