"""How a ratio is written, and what the kinds of measure are called and mean.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.readings import ENVOY, NAIVE, NGINX, SIDECAR, Kind, Measure, Point

if TYPE_CHECKING:
    from bench.readings import Readings

TITLES: Final = {SIDECAR: "sidecar", NGINX: "nginx", ENVOY: "Envoy", NAIVE: "naive aiohttp"}
"""The subjects in the order of the tables."""

MORE_IS_BETTER: Final = frozenset({Kind.RATE, Kind.DOWNLOAD, Kind.UPLOAD})
NONE: Final = "–"
_WHOLE_FROM: Final = 100


def factor(ratio: float | None) -> str:
    """Return a ratio with three digits or so."""
    if ratio is None:
        return NONE
    return f"{ratio:.0f}" if ratio >= _WHOLE_FROM else f"{ratio:.2f}"


def ratios(readings: Readings, measure: Measure, base: str) -> list[float | None]:
    """Return what each subject has of the measure, the base's being 1."""
    return [readings.ratio(Point(measure, name), Point(measure, base)) for name in TITLES]


def callers(number: int) -> str:
    """Return a number of callers in words; nothing for 0."""
    if not number:
        return ""
    return f"{number} caller" if number == 1 else f"{number} callers"


def shown_callers(readings: Readings) -> int:
    """Return the number of callers that a single table or picture shows: 64, or the nearest below, or the least."""
    numbers = readings.at(Kind.RATE)
    few = [number for number in numbers if number <= _SHOWN]
    return (few or [0])[-1] if few or not numbers else numbers[0]


_SHOWN: Final = 64


def single(kind: Kind, number: int) -> Measure:
    """Return the measure of a kind that a table for `number` callers shows."""
    return Measure(kind, number if kind in _PER_CALLERS else 0)


_PER_CALLERS: Final = frozenset({Kind.RATE, Kind.CPU, Kind.P50, Kind.P99, Kind.MEMORY})
COMPARED: Final = (
    Kind.RATE,
    Kind.CPU,
    Kind.P50,
    Kind.P99,
    Kind.ADDED,
    Kind.MEMORY,
    Kind.START,
    Kind.DOWNLOAD,
    Kind.UPLOAD,
)
"""The kinds that are read of every subject."""
