"""Readings are compared within a round, and the median of the rounds counts."""

from __future__ import annotations

from bench.readings import Kind, Measure, Point, Readings

RATE = Measure(Kind.RATE, 64)
OURS, THEIRS = Point(RATE, "sidecar"), Point(RATE, "envoy")


def readings(ours: list[float], theirs: list[float]) -> Readings:
    found = Readings()
    for name, values in (("sidecar", ours), ("envoy", theirs)):
        for number, value in enumerate(values):
            found.add(RATE, name, number, value)
    return found


def test_a_ratio_is_taken_within_a_round_whatever_the_machine_did_between_two() -> None:
    found = readings([10.0, 100.0, 1000.0], [5.0, 50.0, 2000.0])
    assert found.ratio(OURS, THEIRS) == 2.0
    assert found.median(OURS) == 100.0


def test_a_round_that_only_one_of_two_has_does_not_count() -> None:
    found = readings([10.0, 100.0, 1000.0], [5.0])
    assert found.ratio(OURS, THEIRS) == 2.0


def test_nothing_is_divided_by_what_is_not_above_nothing() -> None:
    assert readings([10.0, 30.0], [-1.0, 0.0]).ratio(OURS, THEIRS) is None
    assert readings([10.0, 30.0], [-1.0, 10.0]).ratio(OURS, THEIRS) == 3.0


def test_what_was_not_read_has_neither_median_nor_ratio() -> None:
    assert Readings().median(OURS) is None
    assert readings([1.0], []).ratio(OURS, THEIRS) is None


def test_the_numbers_at_which_a_kind_was_read_come_in_order() -> None:
    found = readings([1.0], [1.0])
    found.add(Measure(Kind.RATE, 8), "sidecar", 0, 1.0)
    assert found.at(Kind.RATE) == [8, 64]
    assert found.at(Kind.CPU) == []


def test_words_leave_out_the_unit_that_a_ratio_does_not_have() -> None:
    assert Kind.CPU.words == "CPU per request"
    assert Kind.RATE.words == "requests/s"
