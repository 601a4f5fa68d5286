"""Figures reach the reader of a log, those of a failed test do not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS = """
def test_holds(figures):
    figures("3 things, 0 faults")
def test_does_not(figures):
    figures("4 things, 0 faults")
    assert False
def test_counts_nothing():
    pass
"""


def said_by(folder: Path, *options: str) -> str:
    """Run made-up proofs under a copy of the conftest beside this file; return what the terminal shows."""
    proof = folder / "made-up"
    proof.mkdir()
    shutil.copy(Path(__file__).with_name("conftest.py"), folder)
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    (proof / "test_made_up.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(proof)]
    environ = os.environ | {"PYTEST_ADDOPTS": "", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60
    ).stdout


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "workers"])
def test_figures_stand_at_the_end_once_for_each_test_that_passed(options: tuple[str, ...], tmp_path: Path) -> None:
    said = said_by(tmp_path, *options)
    assert "1 failed, 2 passed" in said
    assert said.count("made-up: 3 things, 0 faults\n") == 1
    assert "4 things" not in said.partition(" figures ")[2]
