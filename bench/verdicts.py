"""What must be shown, and whether it was.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.readings import AGED, ENVOY, FRESH, NAIVE, NGINX, SIDECAR, Kind, Measure, Point

if TYPE_CHECKING:
    from bench.readings import Readings

_CALLERS: Final = 64
_MEMORY: Final = 50.0  # MB
_FLAT: Final = 1.1
_LAST_IDLE: Final = 1000
_LAST_PAST: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Must:
    """A bound on a ratio.

    Attributes:
        what: is measured, in words.
        beside: what it is set against, in words.
        above: the sidecar's measure.
        below: the other's; or a number that the measure is divided by.
        limit: the ratio's bound.
        at_least: whether the ratio must not be smaller, rather than not be larger.
        aim: a bound that one would like to reach beyond it.
    """

    what: str
    beside: str
    above: Point
    below: Point | float
    limit: float
    at_least: bool = False
    aim: float | None = None

    def meets(self, ratio: float, bound: float) -> bool:
        """Tell whether the ratio is on the right side of the bound."""
        return ratio >= bound if self.at_least else ratio <= bound


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a bound; without a ratio it was not measured."""

    must: Must
    ratio: float | None

    @property
    def words(self) -> str:
        """The verdict in words."""
        if self.ratio is None:
            return "not measured"
        if not self.must.meets(self.ratio, self.must.limit):
            return "does not hold"
        if self.must.aim is None:
            return "holds"
        return "holds, and reaches the aim" if self.must.meets(self.ratio, self.must.aim) else "holds"


def _beside(measure: Measure, other: str) -> tuple[Point, Point]:
    return Point(measure, SIDECAR), Point(measure, other)


_RATE: Final = Measure(Kind.RATE, _CALLERS)
_CPU: Final = Measure(Kind.CPU, _CALLERS)
_MEM: Final = Measure(Kind.MEMORY, _CALLERS)

MUSTS: Final = (
    Must("requests/s, 64 callers", "Envoy's", *_beside(_RATE, ENVOY), limit=1.0, at_least=True, aim=1.4),
    Must("requests/s, 64 callers", "nginx's", *_beside(_RATE, NGINX), limit=0.45, at_least=True, aim=0.55),
    Must("CPU per request, 64 callers", "Envoy's", *_beside(_CPU, ENVOY), limit=1.0),
    Must("CPU per request, 64 callers", "nginx's", *_beside(_CPU, NGINX), limit=2.8, aim=2.0),
    Must("p99, 64 callers", "Envoy's", *_beside(Measure(Kind.P99, _CALLERS), ENVOY), limit=1.0),
    Must("added latency at p50, one caller", "Envoy's", *_beside(Measure(Kind.ADDED), ENVOY), limit=1.25),
    Must("memory after load, 64 callers", "50 MB", Point(_MEM, SIDECAR), _MEMORY, limit=1.0),
    Must("memory after load, 64 callers", "Envoy's", *_beside(_MEM, ENVOY), limit=1.0),
    Must("start to first served request", "the naive proxy's", *_beside(Measure(Kind.START), NAIVE), limit=1.5),
    Must("100 MB down", "nginx's", *_beside(Measure(Kind.DOWNLOAD), NGINX), limit=0.8, at_least=True),
    Must("100 MB up", "nginx's", *_beside(Measure(Kind.UPLOAD), NGINX), limit=0.8, at_least=True),
)

LONG_MUSTS: Final = (
    Must(
        "CPU per request beside 1,000 idle callers",
        "that beside one",
        Point(Measure(Kind.IDLE_CPU, _LAST_IDLE), SIDECAR),
        Point(Measure(Kind.IDLE_CPU, 1), SIDECAR),
        limit=_FLAT,
    ),
    Must(
        "CPU per request after a million requests and their log lines",
        "that of a fresh process",
        Point(Measure(Kind.PAST_CPU, _LAST_PAST), AGED),
        Point(Measure(Kind.PAST_CPU, _LAST_PAST), FRESH),
        limit=_FLAT,
    ),
    Must(
        "memory after a million requests",
        "that of a fresh process",
        Point(Measure(Kind.PAST_MEMORY, _LAST_PAST), AGED),
        Point(Measure(Kind.PAST_MEMORY, _LAST_PAST), FRESH),
        limit=_FLAT,
    ),
)


def judge(readings: Readings) -> list[Verdict]:
    """Return the verdict on each bound; those of the long part only when it was measured."""
    long = readings.at(Kind.IDLE_CPU) or readings.at(Kind.PAST_CPU)
    musts = MUSTS + LONG_MUSTS if long else MUSTS
    return [Verdict(must, _ratio(readings, must)) for must in musts]


def _ratio(readings: Readings, must: Must) -> float | None:
    if isinstance(must.below, Point):
        return readings.ratio(must.above, must.below)
    value = readings.median(must.above)
    return None if value is None else value / must.below
