"""What becomes of the cost of a request with idle callers and with the past.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.readings import AGED, FRESH, SIDECAR, Kind, Measure, Point

if TYPE_CHECKING:
    from bench.readings import Readings

Trend = list[tuple[int, float]]
"""At how many, and the ratio to where it began."""


def rows(readings: Readings) -> list[tuple[str, float]]:
    """Return every ratio there is, under its title."""
    trends = (
        ("CPU per request, idle callers: {:,}", beside_idle(readings)),
        ("CPU per request, past requests: {:,}", after_past(readings, Kind.PAST_CPU)),
        ("memory, past requests: {:,}", after_past(readings, Kind.PAST_MEMORY)),
    )
    return [(title.format(at), ratio) for title, trend in trends for at, ratio in trend]


def beside_idle(readings: Readings) -> Trend:
    """Return the processor time per request at each number of idle callers, that beside the fewest being 1."""
    numbers = readings.at(Kind.IDLE_CPU)
    points = [Point(Measure(Kind.IDLE_CPU, number), SIDECAR) for number in numbers]
    found = [readings.ratio(point, points[0]) for point in points]
    return [(number, ratio) for number, ratio in zip(numbers, found, strict=True) if ratio is not None]


def after_past(readings: Readings, kind: Kind) -> Trend:
    """Return what an aged process uses after each number of requests, a fresh one's being 1."""
    numbers = readings.at(kind)
    measures = [Measure(kind, number) for number in numbers]
    found = [readings.ratio(Point(one, AGED), Point(one, FRESH)) for one in measures]
    return [(number, ratio) for number, ratio in zip(numbers, found, strict=True) if ratio is not None]
