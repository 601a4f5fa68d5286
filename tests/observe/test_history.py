from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from sidecar.observe.history import COUNTS, SLOT, SLOTS, History, quantile

BOUNDS = (0.1, 0.2, 0.4)


@dataclass(frozen=True)
class Totals:
    requests: int = 0
    upstream_errors: int = 0
    sidecar_errors: int = 0
    refused: int = 0
    replays: int = 0
    mints: int = 0
    mints_failed: int = 0
    seconds: tuple[int, ...] = (0, 0, 0, 0)


def after(requests: int, **more: Any) -> Totals:
    return Totals(requests=requests, **more)


def test_a_slot_holds_what_was_counted_between_two_samples() -> None:
    history = History(BOUNDS)
    history.sample(1000.0, after(5, replays=1, seconds=(5, 0, 0, 0)))
    history.sample(1010.0, after(12, replays=3, seconds=(9, 3, 0, 0)))
    (slot,) = history.slots(1011.0)
    assert dict(zip(COUNTS, slot.counts, strict=True)) == {
        "requests": 7,
        "upstream_errors": 0,
        "sidecar_errors": 0,
        "refused": 0,
        "replays": 2,
        "mints": 0,
        "mints_failed": 0,
    }
    assert (slot.seconds, slot.begins) == ((4, 3, 0, 0), 1000.0)


def test_before_the_second_sample_there_is_nothing() -> None:
    history = History(BOUNDS)
    assert history.slots(0.0) == []
    history.sample(1000.0, after(5))
    assert history.slots(1000.0) == []


def test_a_sample_that_comes_early_waits_for_the_slot_to_end() -> None:
    history = History(BOUNDS)
    history.sample(1000.0, after(0))
    history.sample(1009.99, after(3))
    assert history.slots(1009.99) == []
    assert history.due_in(1009.99) == pytest.approx(0.01)
    history.sample(1010.0, after(4))
    assert [slot.counts[0] for slot in history.slots(1010.0)] == [4]


@pytest.mark.parametrize(("now", "seconds"), [(1000.0, 10.0), (1003.5, 6.5), (0.0, 10.0)])
def test_the_next_sample_is_due_at_the_end_of_a_slot(now: float, seconds: float) -> None:
    assert History(BOUNDS).due_in(now) == pytest.approx(seconds)


def test_where_the_machine_slept_there_is_a_gap_and_no_zeros() -> None:
    history = History(BOUNDS)
    for now, requests in ((1000.0, 0), (1010.0, 1), (1900.0, 3), (1910.0, 4)):
        history.sample(now, after(requests))
    assert [(slot.begins, slot.counts[0]) for slot in history.slots(1910.0)] == [(1000.0, 1), (1890.0, 2), (1900.0, 1)]


def test_after_an_hour_a_slot_is_forgotten_and_there_are_never_more_than_fit() -> None:
    history = History(BOUNDS)
    for number in range(SLOTS * 2):
        history.sample(number * SLOT, after(number))
    now = (SLOTS * 2 - 1) * SLOT
    assert len(history.slots(now)) == SLOTS
    assert history.slots(now)[0].begins == now - 3600
    assert len(history.slots(now + 600)) == SLOTS - 60
    assert history.slots(now + 3600) == []


def test_what_happened_lately_is_summed_by_name() -> None:
    history = History(BOUNDS)
    for number in range(100):
        history.sample(number * SLOT, after(number * 2, refused=number))
    lately = history.lately(990.0, 300.0)
    assert (lately["requests"], lately["refused"], lately["replays"]) == (60, 30, 0)
    assert history.lately(5000.0, 300.0) == dict.fromkeys(COUNTS, 0)


@pytest.mark.parametrize(
    ("counts", "share", "seconds"),
    [
        ((10, 0, 0, 0), 0.5, 0.05),
        ((0, 10, 0, 0), 0.5, 0.15),
        ((5, 5, 0, 0), 0.5, 0.1),
        ((5, 0, 5, 0), 0.99, 0.396),
        ((0, 0, 0, 1), 0.5, 0.4),
        ((98, 0, 0, 2), 0.99, 0.4),
        ((0, 0, 0, 0), 0.5, None),
    ],
)
def test_a_quantile_is_spread_evenly_within_its_bucket(
    counts: tuple[int, ...], share: float, seconds: float | None
) -> None:
    assert quantile(BOUNDS, counts, share) == (None if seconds is None else pytest.approx(seconds))


def test_a_slot_s_latency_is_told_by_its_own_buckets() -> None:
    history = History(BOUNDS)
    history.sample(0.0, after(0))
    history.sample(10.0, after(10, seconds=(0, 10, 0, 0)))
    history.sample(20.0, after(10, seconds=(0, 10, 0, 0)))
    busy, idle = history.slots(20.0)
    assert history.quantile(busy, 0.5) == pytest.approx(0.15)
    assert history.quantile(idle, 0.5) is None
