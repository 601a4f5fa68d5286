"""What a developer reads on the terminal: absolute numbers, which hold for this machine and this hour only.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench import trend
from bench.readings import ENVOY, NAIVE, NGINX, SIDECAR, Kind, Measure, Point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.readings import Readings
    from bench.verdicts import Verdict

PEERS: Final = (NGINX, ENVOY, NAIVE)
_NAMES: Final = (SIDECAR, *PEERS)
_AT: Final = {Kind.IDLE_CPU: "idle", Kind.PAST_CPU: "past", Kind.PAST_MEMORY: "past"}
_WIDTHS: Final = (46, *(11 for _ in _NAMES), *(9 for _ in PEERS))


def table(readings: Readings) -> str:
    """Return the medians of all that was read, and the sidecar's ratio to each other one, as lines of text."""
    head = ("", *_NAMES, *(f"÷ {name}" for name in PEERS))
    return "\n".join(_line(cells) for cells in (head, *_rows(readings)))


def _rows(readings: Readings) -> Iterator[tuple[str, ...]]:
    for kind in Kind:
        for at in readings.at(kind):
            measure = Measure(kind, at)
            if any(readings.median(Point(measure, name)) is not None for name in _NAMES):
                yield _row(readings, measure)


def _row(readings: Readings, measure: Measure) -> tuple[str, ...]:
    title = measure.kind.value + (f", {measure.at:,} {_AT.get(measure.kind, 'callers')}" if measure.at else "")
    medians = (readings.median(Point(measure, name)) for name in _NAMES)
    ratios = (readings.ratio(Point(measure, SIDECAR), Point(measure, name)) for name in PEERS)
    return title, *(_shown(value, ",.1f") for value in medians), *(_shown(value, ".2f") for value in ratios)


def _shown(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _line(cells: tuple[str, ...]) -> str:
    first, *others = (cell.rjust(width) for cell, width in zip(cells, _WIDTHS, strict=True))
    return "".join((first.strip().ljust(_WIDTHS[0]), *others)).rstrip()


def trends(readings: Readings) -> str:
    """Return the ratios of the long part to where it began, as lines of text."""
    return "".join(f"{title:<46}{ratio:>11.2f}\n" for title, ratio in trend.rows(readings))


def verdicts(judged: list[Verdict]) -> str:
    """Return each bound with its ratio and its verdict, as lines of text."""
    return "\n".join(_verdict(one) for one in judged)


def _verdict(one: Verdict) -> str:
    must = one.must
    sense = "≥" if must.at_least else "≤"
    bound = f"{must.what} {sense} {must.limit:g} × {must.beside}"
    return f"{bound:<80} {_shown(one.ratio, '.2f'):>6}  {one.words}"
