from __future__ import annotations

import subprocess
import sys

from sidecar import __version__


def test_the_package_runs_as_a_module_and_hands_its_exit_code_on() -> None:
    command = [sys.executable, "-m", "sidecar"]
    told = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert told == f"finhub-sidecar {__version__}\n"
    assert subprocess.run([*command, "fly"], capture_output=True, check=False, timeout=60).returncode == 2
