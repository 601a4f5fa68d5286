from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from calling import PATIENCE, get, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def usual_ports_taken() -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for port in (8080, 9901):
            with contextlib.suppress(OSError):  # taken by somebody else: as good
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
        yield


class Demo:
    """A demo that runs, with its streams in files."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.out, self.err = folder / "out", folder / "err"
        command = [sys.executable, "-m", "sidecar", "demo", *arguments]
        environ = {**os.environ, "FINHUB_LISTEN__MAX_BODY": "nonsense"}  # not for the demo, which is configured already
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err, env=environ)

    def find(self, pattern: str) -> str:
        """Wait for a line that matches, and return its first group."""
        until(lambda: self._match(pattern) is not None, pattern)
        match = self._match(pattern)
        assert match is not None
        return match[1]

    def _match(self, pattern: str) -> re.Match[str] | None:
        return re.search(pattern, self.out.read_text(), re.MULTILINE)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path)
    yield demo
    demo.process.kill()
    demo.process.wait()


def test_where_its_ports_are_taken_it_takes_others_and_says_which(usual_ports_taken: None, demo: Demo) -> None:
    url = demo.find(r"^  curl -s (http://127\.0\.0\.1:\d+/\S+)$")
    assert ":8080/" not in url
    assert get(url).status == 200
    status = demo.find(r"its status:\s+(http://127\.0\.0\.1:\d+/status)$")
    assert ":9901/" not in status
    assert get(status).json["requests"]["total"] == 1
    demo.process.send_signal(signal.SIGTERM)
    assert demo.process.wait(PATIENCE) == 0
    assert demo.err.read_text().count("draining") == 1


def test_a_second_signal_still_leaves_no_files_behind(demo: Demo, tmp_path: Path) -> None:
    folder = demo.find(r"its configuration: (\S+)/sidecar\.toml")
    demo.process.send_signal(signal.SIGINT)
    demo.process.send_signal(signal.SIGTERM)
    assert demo.process.wait(PATIENCE) == 0
    assert not os.path.exists(folder)  # noqa: PTH110  # a text from the banner


def test_a_check_that_is_ended_early_has_shown_nothing(tmp_path: Path) -> None:
    demo = Demo(tmp_path, "--check")
    demo.find(r"^(✓) The caller asks for a balance")
    demo.process.send_signal(signal.SIGTERM)
    assert demo.process.wait(PATIENCE) == 1
    assert "Not all of it holds." in demo.err.read_text()
