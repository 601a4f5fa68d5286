"""docs/troubleshooting.md knows every way in which the code says that something is wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import house
import pytest
import troubles

from sidecar.observe import log

if TYPE_CHECKING:
    from sidecar import errors

TEXT: Final = troubles.PAGE.read_text(encoding="utf-8")
ROWS: Final = [line for line in TEXT.splitlines() if line.startswith("| ")]


def cells(number: int) -> set[str]:
    """Return what stands in one column of all tables."""
    return {row.strip("| ").split(" | ")[number].strip("`") for row in ROWS}


def test_its_tables_are_what_the_code_makes_them() -> None:
    assert troubles.renewed(TEXT) == TEXT, "python tests/support/troubles.py writes them anew"


@pytest.mark.parametrize("kind", troubles.kinds(), ids=lambda kind: kind.__name__)
def test_every_kind_of_failure_has_its_entry(kind: type[errors.SidecarError]) -> None:
    assert kind.title in TEXT
    assert kind.proxy_error in TEXT


def test_every_error_of_proxy_status_that_the_package_writes_is_there() -> None:
    sources = [house.ROOT / module for module in house.modules() if "/emulator/" not in module]
    named = {
        name
        for path in sources
        for name in re.findall(r'(?:proxy_error|cause|error) ?= ?"([a-z]+(?:_[a-z]+)+)"', path.read_text("utf-8"))
    }
    assert len(named) > 10
    assert named <= cells(0)


def test_every_rule_of_the_guard_that_denies_is_there() -> None:
    sources = [house.ROOT / module for module in house.modules() if "/guard/" in module or "/gateway/" in module]
    denied = {
        name
        for path in sources
        for name in re.findall(r'\bDenied\(\s*(?:rule=)?"(\w+)"', path.read_text(encoding="utf-8"))
    }
    assert {"host", "allow", "peer"} <= denied
    listed = {name for cell in cells(0) for name in re.findall(r"\w+", cell)}
    assert denied <= listed


def told() -> dict[str, str]:
    """Return the words of each event that wants to be read, with its level."""
    every = log._WORDS.values()  # noqa: SLF001  # the page must know the whole table
    return {words: level for level, words in every if level in {"warning", "error"}}


def test_every_line_that_wants_to_be_read_is_there_with_its_level_and_no_other() -> None:
    rows = re.findall(r"^\| ([^|`]+) \| (warning|error) \|", TEXT, re.MULTILINE)
    assert "session could not be minted" in told()
    assert dict(rows) == told()
