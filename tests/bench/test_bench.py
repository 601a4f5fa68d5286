"""The rules of the house, for the measuring as for the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import house
import layers
import pytest

if TYPE_CHECKING:
    from pathlib import Path

ROOM = house.ROOT / "bench"
MODULES = sorted(ROOM.rglob("*.py"))
PURE = [path for path in MODULES if house.says_pure(path.read_text(encoding="utf-8"))]


def named(path: Path) -> str:
    return path.relative_to(ROOM).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_no_function_is_long(path: Path) -> None:
    lengths = house.function_lengths(path.read_text(encoding="utf-8"))
    assert {name: length for name, length in lengths.items() if length > house.LONGEST} == {}


@pytest.mark.parametrize("path", PURE, ids=named)
def test_what_is_called_pure_imports_no_clock_no_file_and_no_event_loop(path: Path) -> None:
    assert layers.impurities(named(path), path.read_text(encoding="utf-8")) == []


def test_what_is_read_judged_and_drawn_is_pure() -> None:
    pure = {path.stem for path in PURE}
    assert {"readings", "verdicts", "trend", "report", "words", "page", "chart", "picture", "terminal", "plan"} <= pure


@pytest.mark.parametrize("path", PURE, ids=named)
def test_a_pure_module_has_a_test_file_beside_it(path: Path) -> None:
    if house.does_something(path.read_text(encoding="utf-8")) and path.stem != "errors":
        assert (house.ROOT / "tests" / "bench" / f"test_{path.stem}.py").exists()
