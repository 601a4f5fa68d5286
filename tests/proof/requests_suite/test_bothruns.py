"""The comparison that judges the two runs can say no."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMPARE = Path(__file__).with_name("bothruns.py")
FAILED = "<failure/>"


def report(**tests: str) -> str:
    cases = "".join(f'<testcase classname="t" name="{name}">{outcome}</testcase>' for name, outcome in tests.items())
    return f"<testsuites><testsuite>{cases}</testsuite></testsuites>"


def compared(folder: Path, direct: str, ours: str, design: str) -> tuple[int, str]:
    files = {"direct.xml": direct, "ours.xml": ours, "design.toml": f"[by_design]\n{design}"}
    for name, content in files.items():
        (folder / name).write_text(content)
    command = [sys.executable, str(COMPARE), *(str(folder / name) for name in files)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout


def test_a_listed_difference_is_by_design(tmp_path: Path) -> None:
    code, said = compared(tmp_path, report(a="", b=""), report(a="", b=FAILED), '"t::b" = "because"')
    assert code == 0
    assert "directly: 2 passed\nthrough the sidecar: 1 failed, 1 passed\n  by design: t::b: because\n" in said
    assert said.endswith("2 passed directly, 1 through the sidecar, 1 listed as by design, 0 otherwise\n")


@pytest.mark.parametrize(
    ("direct", "ours", "design", "complaint"),
    [
        (report(a=""), report(a=FAILED), "", "t::a: passed directly, failed through the sidecar, not listed"),
        (report(a=FAILED), report(a=""), "", "t::a: failed directly, passed through the sidecar, not listed"),
        (report(a=""), report(a=""), '"t::a" = "because"', "t::a: passed directly, passed through the sidecar, listed"),
        (report(a=""), report(), "", "t::a: passed directly, missing through the sidecar"),
        (report(a=FAILED), report(a=FAILED), "", "t::a: failed directly"),
        (report(), report(), "", "directly: \n"),
    ],
    ids=["unlisted", "reversed", "stale", "missing", "failing anyway", "empty"],
)
def test_everything_else_is_not(direct: str, ours: str, design: str, complaint: str, tmp_path: Path) -> None:
    code, said = compared(tmp_path, direct, ours, design)
    assert code == 1
    assert complaint in said
