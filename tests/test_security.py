"""SECURITY.md promises no more than the tests show."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "SECURITY.md").read_text("utf-8")
LINES = [line for line in PAGE.split("## Doors")[1].split("## Invariants")[0].splitlines() if line.startswith("| ")][1:]
NAMED = re.compile(r"`([a-z0-9_/]+\.py)(?:::(\w+))?`")


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.split("|")[2].strip())
def test_each_threat_names_tests_that_are_there(line: str) -> None:
    named = NAMED.findall(line)
    assert named, "a line without a test"
    for path, test in named:
        found = ROOT / "tests" / path
        assert found.is_file(), path
        assert not test or test in _tests(found), f"{path}::{test}"


def _tests(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
