"""A pytest plugin for the test suite of requests: its `httpbin`, directly or through a sidecar.

It takes the place of pytest-httpbin's own plugin (`-p no:httpbin -p httpbin_here`), whose server has one thread and so
makes tests wait for each other. It runs in an environment that does not know the sidecar, which is a process of
another one: SIDECAR_PYTHON is the path of its interpreter; unset, httpbin is reached directly.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIServer

import pytest
from httpbin import app
from playground import ENVIRON, configuration
from pytest_httpbin import serve
from pytest_httpbin.plugin import (  # noqa: F401  # what else pytest-httpbin offers, as it is
    httpbin_both,
    httpbin_ca_bundle,
    httpbin_secure,
)
from tokenstub import token_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 30  # seconds


@dataclass(frozen=True)
class Httpbin:
    """All that the suite asks of `httpbin`."""

    url: str


class Threads(ThreadingMixIn, WSGIServer):
    """Serves requests side by side."""

    daemon_threads = True


@pytest.fixture(scope="session")
def httpbin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Httpbin]:
    """Run httpbin, and where asked for a sidecar in front of it; yield where callers reach it."""
    with serve.Server(application=app, server_class=Threads) as server:
        if "SIDECAR_PYTHON" not in os.environ:
            yield Httpbin(server.url)
            return
        folder = tmp_path_factory.mktemp("sidecar")
        with token_endpoint() as tokens:
            session = f'\n[session]\nurl = "http://127.0.0.1:{tokens}"\n'
            config = configuration(f"http://127.0.0.1:{server.port}", more=session)
            (folder / "sidecar.toml").write_text(config)
            with running(folder) as address:
                yield Httpbin(f"http://{address}")


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run a sidecar by `folder`'s configuration; yield its address. It must end by itself when told."""
    command = [os.environ["SIDECAR_PYTHON"], "-m", "sidecar", "run", "--config", str(folder / "sidecar.toml")]
    environ = {**os.environ, **ENVIRON, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    log = folder / "stderr"
    with log.open("wb") as err, (folder / "stdout").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=err, env=environ, cwd=folder)
    try:
        yield listening(process, log)
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


def listening(process: subprocess.Popen[bytes], log: Path) -> str:
    """Return the address that the sidecar says it listens on."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        lines = [json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("}\n")]
        for line in lines:
            if line["event"] == "listening":
                return str(line["listen"])
        time.sleep(0.05)
    pytest.fail(f"the sidecar does not listen: {log.read_text()}")
