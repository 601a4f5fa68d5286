"""Processes that end: with the block that started them, or with this process when it is killed."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING, Final

from bench.machine import needed, on_core

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_ENDS_WITHIN: Final = 30.0


@contextlib.contextmanager
def running(
    command: Sequence[str], folder: Path, core: int, environ: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` in `folder` on one core until the block ends; its output goes to `stdout` and `stderr` there."""
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err, on_core(core):
        process = subprocess.Popen(
            (needed("setpriv", "util-linux"), "--pdeathsig", "TERM", "--", *command),
            cwd=folder,
            env=_environ() | dict(environ or {}),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
    try:
        yield process
    finally:
        _end(process)


def _environ() -> dict[str, str]:
    """Return what every process may see: nothing that configures a sidecar or sends a client to another proxy."""
    apart = ("finhub_", "http_proxy", "https_proxy", "all_proxy", "no_proxy")
    return {name: value for name, value in os.environ.items() if not name.lower().startswith(apart)}


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
