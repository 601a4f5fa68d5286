"""The suite's own promises: in CI a skipped test fails the run, and examples are the same in every run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]
SKIPS_ONE = "import pytest\ndef test_a():\n    pytest.skip('no nginx here')\ndef test_b():\n    pass\n"
SKIPS_ALL = "import pytest\npytest.skip('not on this system', allow_module_level=True)\n"
EXPECTS_FAILURE = "import pytest\n@pytest.mark.xfail\ndef test_a():\n    assert False\n"


def run_suite(folder: Path, source: str, ci: str) -> subprocess.CompletedProcess[str]:
    """Run `source` as a suite of its own under a copy of this suite's conftest."""
    shutil.copy(Path(__file__).parent / "conftest.py", folder)
    (folder / "test_made_up.py").write_text(source)
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", str(folder)]
    environment = os.environ | {"CI": ci, "PYTEST_ADDOPTS": "", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(("source", "reason"), [(SKIPS_ONE, "no nginx here"), (SKIPS_ALL, "not on this system")])
def test_in_ci_a_skip_fails_and_its_reason_is_shown(tmp_path: Path, source: str, reason: str) -> None:
    result = run_suite(tmp_path, source, ci="true")
    assert result.returncode in {1, 2}
    assert "skipped in CI" in result.stdout
    assert reason in result.stdout


def test_elsewhere_a_skip_is_a_skip(tmp_path: Path) -> None:
    result = run_suite(tmp_path, SKIPS_ONE, ci="")
    assert result.returncode == 0
    assert "1 passed, 1 skipped" in result.stdout


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    assert run_suite(tmp_path, EXPECTS_FAILURE, ci="true").returncode == 0


def test_examples_are_the_same_in_every_run() -> None:
    assert hypothesis.settings.default is not None
    assert hypothesis.settings.default.derandomize
