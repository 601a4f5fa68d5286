"""The picture shows what was measured, is sound XML, and brings colours for light and dark."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import benchrun

from bench.picture import picture
from bench.readings import Kind, Measure, Readings

SVG = "{http://www.w3.org/2000/svg}"


def panels(svg: str) -> list[str]:
    found = ET.fromstring(svg).findall(f"{SVG}g")  # noqa: S314  # made here
    return ["".join(panel.itertext()) for panel in found]


def test_every_measure_has_a_panel_with_all_four() -> None:
    drawn = panels(picture(benchrun.short()))
    assert len(drawn) == 9
    assert drawn[0] == "requests/smore is bettersidecar0.50nginx1.00Envoy0.25naive aiohttp0.12"
    assert "less is better" in drawn[1]


def test_the_long_part_is_drawn_only_where_it_was_measured() -> None:
    drawn = panels(picture(benchrun.long()))
    assert len(drawn) == 12
    assert "1.05" in drawn[9]


def test_the_picture_is_as_high_as_what_is_in_it() -> None:
    def height(svg: str) -> float:
        return float(ET.fromstring(svg).attrib["viewBox"].split()[3])  # noqa: S314  # made here

    assert height(picture(Readings())) < height(picture(benchrun.short())) < height(picture(benchrun.long()))


def test_what_was_not_measured_is_left_out() -> None:
    readings = Readings()
    for name in ("sidecar", "nginx"):
        readings.add(Measure(Kind.RATE, 8), name, 0, 3.0)
    svg = picture(readings)
    assert panels(svg) == ["requests/smore is bettersidecar1.00nginx1.00"]
    assert "8 callers" in svg


def test_the_picture_has_a_ground_of_its_own_and_colours_for_the_dark() -> None:
    svg = picture(benchrun.short())
    assert 'class="ground"' in svg
    assert "prefers-color-scheme: dark" in svg
    assert "var(" not in svg
