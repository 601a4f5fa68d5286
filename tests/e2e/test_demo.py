"""README's first promise: one command, nothing to configure."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from calling import PATIENCE, until
from leaks import leaks, pem_lines

if TYPE_CHECKING:
    from collections.abc import Iterator


def plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}


def test_demo_check_shows_that_all_holds_within_30_seconds() -> None:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "sidecar", "demo", "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=plain_environment(),
    )
    took = time.monotonic() - began
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("All of it holds.\n")
    assert done.stdout.count("✓") == 6
    assert "✗" not in done.stdout
    assert took < 30


@dataclass
class Demo:
    """A running demo, and the files in which it writes."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    @property
    def curl_line(self) -> str:
        """Return the line to try that it printed, "" as long as it has printed none."""
        return next((line.strip() for line in self.out.read_text().splitlines() if "curl " in line), "")

    @property
    def folder(self) -> Path:
        """Return where it says that its configuration is."""
        lines = self.out.read_text().splitlines()
        return Path(next(line.split(": ", 1)[1].strip() for line in lines if "sidecar.toml" in line)).parent


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    command = [sys.executable, "-m", "sidecar", "demo"]
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, env=plain_environment())
    yield Demo(process, tmp_path / "out", tmp_path / "err")
    process.kill()
    process.wait(PATIENCE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_line_that_the_demo_prints_works_in_a_shell_and_a_signal_ends_the_demo_well(
    demo: Demo, number: signal.Signals
) -> None:
    until(lambda: "End with Ctrl-C" in demo.out.read_text(), "the demo is up")
    tried = subprocess.run(
        ["sh", "-c", demo.curl_line], capture_output=True, text=True, timeout=30, check=True, env=plain_environment()
    )
    assert json.loads(tried.stdout)["success"] is True
    secrets = secrets_in(demo.folder)
    demo.process.send_signal(number)
    assert demo.process.wait(PATIENCE) == 0
    assert not demo.folder.exists()
    assert "Traceback" not in demo.err.read_text()
    assert leaks(secrets, {"stdout": demo.out.read_text(), "stderr": demo.err.read_text()}) == []


def secrets_in(folder: Path) -> list[str]:
    texts = [(folder / name).read_text().strip() for name in ("password", "customer_secret", "tenant_secret")]
    return [*texts, *pem_lines((folder / "client.key").read_bytes())]
