"""What was read, and how readings are set against each other.

Pure. A machine's speed drifts, so two readings are only compared within one round; of the rounds the median counts.
"""

from __future__ import annotations

import enum
import statistics
from dataclasses import dataclass, field
from typing import NamedTuple

SIDECAR = "sidecar"
NGINX = "nginx"
ENVOY = "envoy"
NAIVE = "naive"
AGED = "aged"
"""A sidecar that has served many requests …"""
FRESH = "fresh"
"""… and one that has served few, beside it."""


class Kind(enum.Enum):
    """What is measured: the words of the tables, and the unit on a terminal."""

    RATE = "requests/s"
    CPU = "CPU per request, µs"
    P50 = "p50, µs"
    P99 = "p99, µs"
    ADDED = "added latency, µs"
    MEMORY = "memory after load, MB"
    START = "start to first served request, ms"
    DOWNLOAD = "100 MB down, MB/s"
    UPLOAD = "100 MB up, MB/s"
    IDLE_CPU = "CPU per request beside idle callers, µs"
    PAST_CPU = "CPU per request after past requests, µs"
    PAST_MEMORY = "memory after past requests, MB"

    @property
    def words(self) -> str:
        """The words without the unit: a ratio has none."""
        return self.value.partition(", ")[0]


class Measure(NamedTuple):
    """What is measured, at how many: callers, idle callers or past requests; 0 where there is no such number."""

    kind: Kind
    at: int = 0


class Point(NamedTuple):
    """A measure of one subject."""

    measure: Measure
    subject: str


@dataclass(slots=True)
class Readings:
    """All readings of a run, by point and round."""

    _values: dict[Point, dict[int, float]] = field(default_factory=dict)

    def add(self, measure: Measure, subject: str, number: int, value: float) -> None:
        """Keep a value that was read in round `number`."""
        self._values.setdefault(Point(measure, subject), {})[number] = value

    def median(self, point: Point) -> float | None:
        """Return the median of the rounds; None where nothing was read."""
        values = self._values.get(point)
        return statistics.median(values.values()) if values else None

    def ratio(self, above: Point, below: Point) -> float | None:
        """Return the median of the rounds' ratios; None where no round has both, or what is below is not above 0."""
        first, second = self._values.get(above, {}), self._values.get(below, {})
        ratios = [first[number] / second[number] for number in first if second.get(number, 0) > 0]
        return statistics.median(ratios) if ratios else None

    def at(self, kind: Kind) -> list[int]:
        """Return the numbers (of callers …) at which something of this kind was read."""
        return sorted({point.measure.at for point in self._values if point.measure.kind is kind})
