from __future__ import annotations

import pytest

from sidecar.cli import words

NOON = 1_800_014_400.0  # 2027-01-15T12:00:00Z


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2027-01-15T12:00:00.000Z", NOON),
        ("2027-01-15T13:00:00+01:00", NOON),
        (None, None),
        ("soon", None),
    ],
)
def test_an_instant_is_read_where_there_is_one(text: str | None, at: float | None) -> None:
    assert words.instant(text) == at


@pytest.mark.parametrize(
    ("later", "shown"),
    [(0, "12:00:00"), (43_199, "23:59:59"), (43_200, "2027-01-16 00:00"), (-43_201, "2027-01-14 23:59")],
)
def test_the_day_is_told_where_it_is_not_today(later: float, shown: str) -> None:
    assert words.moment(NOON + later, NOON) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.4, "0 s"),
        (89, "89 s"),
        (90, "2 min"),
        (5_399, "90 min"),
        (5_400, "1 h 30 min"),
        (172_799, "47 h 59 min"),
        (172_800, "2 days"),
    ],
)
def test_a_length_of_time_is_as_exact_as_it_matters(seconds: float, shown: str) -> None:
    assert words.span(seconds) == shown


def test_a_distance_has_a_direction() -> None:
    assert (words.distance(NOON + 30, NOON), words.distance(NOON - 30, NOON)) == ("in 30 s", "30 s ago")


def test_one_is_told_in_the_singular() -> None:
    assert [words.count(number, "day") for number in (0, 1, 2)] == ["0 days", "1 day", "2 days"]
    assert [words.count(number, "refresh", "refreshes") for number in (1, 2)] == ["1 refresh", "2 refreshes"]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.00123, "1.2 ms"), (0.0123, "12 ms"), (0.9999, "1000 ms"), (2.25, "2.2 s"), (75, "75 s")]
)
def test_a_latency_is_as_exact_as_it_matters(seconds: float, shown: str) -> None:
    assert words.latency(seconds) == shown
