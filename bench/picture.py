"""The picture of a run: bars relative to nginx, and a line for what must stay flat. SVG that reads in light and dark.

Pure.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

from bench import words
from bench.chart import BARS_HEIGHT, TREND_HEIGHT, WIDTH, bars, trend
from bench.readings import NGINX, Kind
from bench.trend import after_past, beside_idle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.readings import Readings

_COLUMNS: Final = 3
_GAP: Final = 20
_WHOLE: Final = _COLUMNS * (WIDTH + _GAP) + _GAP
_TOP: Final = 44

# The picture brings its own ground, so that it reads wherever it is shown, even where dark is not said to the browser.
_STYLE: Final = """
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.ground { fill: #ffffff; } .soft { fill: #59636e; } .title { font-weight: 600; }
.bar { fill: #818b98; } .ours { fill: #0969da; } .rule { stroke: #d1d9e0; }
.line { fill: none; stroke: #0969da; stroke-width: 2; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .ground { fill: #0d1117; } .soft { fill: #9198a1; }
  .ours { fill: #4493f8; } .line { stroke: #4493f8; } .rule { stroke: #3d444d; }
}
"""


def picture(readings: Readings) -> str:
    """Return the SVG; panels without readings are left out."""
    panels = _bar_panels(readings)
    rows = -(-len(panels) // _COLUMNS)
    parts = [_at(number % _COLUMNS, _TOP + number // _COLUMNS * BARS_HEIGHT, one) for number, one in enumerate(panels)]
    below = _TOP + rows * BARS_HEIGHT
    trends = _trend_panels(readings)
    parts += [_at(number, below, one) for number, one in enumerate(trends)]
    title = f"Relative to nginx, {words.callers(words.shown_callers(readings))} where nothing else is said"
    return _document(title, parts, below + (TREND_HEIGHT if trends else 0) + _GAP)


def _bar_panels(readings: Readings) -> list[str]:
    number = words.shown_callers(readings)
    panels = []
    for kind in words.COMPARED:
        ratios = words.ratios(readings, words.single(kind, number), NGINX)
        shown = [(title, one) for title, one in zip(words.TITLES.values(), ratios, strict=True) if one is not None]
        if shown:
            better = "more is better" if kind in words.MORE_IS_BETTER else "less is better"
            panels.append(bars(kind.words, better, shown))
    return panels


def _trend_panels(readings: Readings) -> list[str]:
    fresh = "relative to a fresh process"
    drawn = (
        ("CPU per request, by idle callers", "relative to the fewest", beside_idle(readings)),
        ("CPU per request, by past requests", fresh, after_past(readings, Kind.PAST_CPU)),
        ("memory, by past requests", fresh, after_past(readings, Kind.PAST_MEMORY)),
    )
    return [trend(title, note, points) for title, note, points in drawn if points]


def _at(column: int, y: int, panel: str) -> str:
    return f'<g transform="translate({_GAP + column * (WIDTH + _GAP)} {y})">{panel}</g>'


def _document(title: str, parts: Sequence[str], height: int) -> str:
    name = html.escape(title)
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WHOLE} {height}" role="img" aria-label="{name}">',
        f"<title>{name}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="ground" width="{_WHOLE}" height="{height}" rx="8"/>',
        f'<text class="title" x="{_GAP}" y="26">{name}</text>',
    )
    return "\n".join((*opening, *parts, "</svg>", ""))
