"""The process with tracing: what it loads, what it sends before it ends, and what it says where it cannot."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from calling import BALANCE, get, until
from collector import collecting
from staging import CODE

if TYPE_CHECKING:
    from pathlib import Path

    from staging import Stage

# Python imports a module of this name by itself, at the start.
_WITHOUT_IT: Final = """
import sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Nothing())
"""


def test_spans_of_a_process_that_ends_are_with_the_collector_before_it_has_ended(stage: Stage) -> None:
    with collecting() as collector:
        sidecar = stage.run(TRACING__ENDPOINT=collector.url)
        assert get(f"{sidecar.url}{BALANCE}").status == 200
        assert sidecar.end() == 0
        names = sorted(span.name for span in collector.spans)
        assert names == ["GET", "GET", "POST /api/v2/auth/token"]
        assert b"Bearer" not in b"".join(collector.raw)
        stage.heard["the collector"] = b"".join(collector.raw).decode("latin-1")
    assert sidecar.lines("caution") == []


def test_a_collector_that_hangs_does_not_hold_up_the_end_of_the_process(stage: Stage) -> None:
    hold = threading.Event()
    with collecting(hold=hold) as collector:
        sidecar = stage.run(TRACING__ENDPOINT=collector.url)
        assert get(f"{sidecar.url}{BALANCE}").status == 200
        until(lambda: bool(collector.paths), "spans are on their way")
        began = time.monotonic()
        assert sidecar.end() == 0
        assert time.monotonic() - began < 5.0  # two for the spans
        hold.set()


def test_without_the_extra_it_does_not_start_and_says_how_to_get_it(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(_WITHOUT_IT)
    environ = {"PYTHONPATH": f"{tmp_path}:{CODE}", "FINHUB_TRACING__ENDPOINT": "http://127.0.0.1:4318"}
    for command in (["run"], ["check", "--offline"]):
        arguments = [sys.executable, "-m", "sidecar", *command, "--config", str(stage.finhub.config)]
        ended = subprocess.run(arguments, env=environ, capture_output=True, text=True, timeout=30, check=False)
        assert ended.returncode == 2, ended.stderr
        said = ended.stdout + ended.stderr
        assert "tracing.endpoint" in said
        assert "pip install 'finhub-sidecar[otel]'" in said
    assert stage.finhub.counts.connections == 0
