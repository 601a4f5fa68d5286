"""The two kinds of panel in the picture, as SVG: bars, and a line over a logarithmic scale.

Pure. Coordinates are within the panel; the classes are `picture`'s.
"""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Final

from bench.words import factor

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH: Final = 290
BARS_HEIGHT: Final = 150
TREND_HEIGHT: Final = 180
_LABELS: Final = 88
_LONGEST: Final = WIDTH - _LABELS - 50
_STEP: Final = 22
_PLOT_TOP: Final = 50
_PLOT_BOTTOM: Final = TREND_HEIGHT - 30
_LEFT: Final = 30
_RIGHT: Final = WIDTH - 40
_ROOM: Final = 1.5


def bars(title: str, note: str, values: Sequence[tuple[str, float]]) -> str:
    """Return a panel with a bar for each value, the first of them ours."""
    longest = max((value for _, value in values), default=1.0) or 1.0
    parts = [_heading(title, note)]
    for number, (name, value) in enumerate(values):
        y = 44 + number * _STEP
        length = max(1.0, max(0.0, value) / longest * _LONGEST)
        kind = "bar ours" if number == 0 else "bar"
        parts += [
            f'<text x="0" y="{y + 12}">{html.escape(name)}</text>',
            f'<rect class="{kind}" x="{_LABELS}" y="{y}" width="{length:.1f}" height="15" rx="2"/>',
            f'<text x="{_LABELS + length + 6:.1f}" y="{y + 12}">{factor(value)}</text>',
        ]
    return "".join(parts)


def trend(title: str, note: str, points: Sequence[tuple[int, float]]) -> str:
    """Return a panel with a line through at least one point, over a logarithmic scale from 0, with a rule at 1."""
    most = max(_ROOM, *(ratio * 1.1 for _, ratio in points))
    numbers = [number for number, _ in points]
    places = [(_across(number, numbers), _up(ratio, most)) for number, ratio in points]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    one = _up(1.0, most)
    parts = [
        _heading(title, note),
        f'<path class="rule" d="M0 {one:.1f}H{WIDTH}M0 {_PLOT_BOTTOM}H{WIDTH}"/>',
        f'<path class="line" d="M{path}"/>',
    ]
    for (x, y), (number, ratio) in zip(places, points, strict=True):
        parts += [
            f'<circle class="ours" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>',
            f'<text text-anchor="middle" x="{x:.1f}" y="{y - 10:.1f}">{factor(ratio)}</text>',
            f'<text class="soft" text-anchor="middle" x="{x:.1f}" y="{_PLOT_BOTTOM + 18}">{number:,}</text>',
        ]
    return "".join(parts)


def _across(number: int, numbers: Sequence[int]) -> float:
    least, most = math.log(min(numbers)), math.log(max(numbers))
    share = (math.log(number) - least) / (most - least) if most > least else 0.0
    return _LEFT + share * (_RIGHT - _LEFT)


def _up(ratio: float, most: float) -> float:
    return _PLOT_BOTTOM - ratio / most * (_PLOT_BOTTOM - _PLOT_TOP)


def _heading(title: str, note: str) -> str:
    return (
        f'<text class="title" x="0" y="14">{html.escape(title)}</text>'
        f'<text class="soft" x="0" y="30">{html.escape(note)}</text>'
    )
