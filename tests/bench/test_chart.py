"""Panels are drawn to scale, and every value stands beside what shows it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from bench import chart


def widths(panel: str) -> list[float]:
    return [float(width) for width in re.findall(r'<rect [^>]*width="([\d.]+)"', panel)]


def heights(panel: str) -> list[float]:
    return [float(y) for y in re.findall(r'<circle [^>]*cy="([\d.]+)"', panel)]


def test_bars_are_as_long_as_their_values() -> None:
    ours, one, half = widths(chart.bars("rate", "more", [("sidecar", 2.0), ("nginx", 1.0), ("naive", 0.5)]))
    assert ours == 2 * one == 4 * half


def test_the_first_bar_is_ours_and_each_has_its_name_and_value() -> None:
    panel = chart.bars("a < b", "less", [("sidecar", 2.0), ("nginx", 1.0)])
    assert re.findall(r'class="(bar[^"]*)"', panel) == ["bar ours", "bar"]
    assert re.findall(r">([^<]+)</text>", panel) == ["a &lt; b", "less", "sidecar", "2.00", "nginx", "1.00"]
    ET.fromstring(f"<g>{panel}</g>")  # noqa: S314  # made here


def test_a_value_that_is_not_above_nothing_still_has_a_bar() -> None:
    assert widths(chart.bars("added", "less", [("sidecar", 0.0)])) == [1.0]
    assert min(widths(chart.bars("added", "less", [("sidecar", -2.0), ("nginx", 1.0)]))) == 1.0


def test_a_trend_rises_with_its_values_from_nothing() -> None:
    low, middle, high = heights(chart.trend("cost", "note", [(1, 1.0), (10, 2.0), (100, 3.0)]))
    assert low > middle > high
    assert abs((low - middle) - (middle - high)) < 0.2


def test_numbers_stand_on_a_logarithmic_scale() -> None:
    panel = chart.trend("cost", "note", [(10, 1.0), (100, 1.0), (1000, 1.0)])
    first, second, third = (float(x) for x in re.findall(r'<circle [^>]*cx="([\d.]+)"', panel))
    assert abs((second - first) - (third - second)) < 0.2
    assert re.findall(r">([^<]+)</text>", panel)[2:] == ["1.00", "10", "1.00", "100", "1.00", "1,000"]


def test_one_point_is_a_trend_too() -> None:
    ET.fromstring(f"<g>{chart.trend('cost', 'note', [(1, 1.0)])}</g>")  # noqa: S314  # made here
