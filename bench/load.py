"""Load on one port: wrk, with as many callers as are wanted, on the core of its own."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench import site
from bench.client import ASKED, receive
from bench.errors import BenchError
from bench.machine import needed, on_core
from bench.report import parse
from bench.transport import connected

if TYPE_CHECKING:
    from bench.report import Report

_SCRIPT: Final = Path(__file__).with_name("report.lua")
_SPARE: Final = 30.0
_TIMES: Final = 3
_OK: Final = 200


def load(port: int, callers: int, seconds: int, core: int) -> Report:
    """Let `callers` ask as fast as they are answered; BenchError when wrk cannot."""
    command = _command(port, callers, seconds)
    try:
        with on_core(core):
            ended = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=seconds + _SPARE,
            )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"wrk did not end within {seconds + _SPARE:g} s") from error
    if ended.returncode:
        raise BenchError(f"wrk ended with {ended.returncode}: {ended.stdout}")
    return parse(ended.stdout)


def warm(port: int, callers: int) -> None:
    """Have as many requests under way at once as there will be callers, to the end, so that no handshake is measured.

    wrk leaves in the middle of its requests, and with each of them goes a connection to the upstream. BenchError when
    one is not answered 200.
    """
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(connected(port)) for _ in range(callers)]
        for _ in range(_TIMES):
            for connection in held:
                connection.sendall(ASKED)
            answered = [receive(connection).status for connection in held]
            if set(answered) != {_OK}:
                raise BenchError(f"while connections were made: {sorted(set(answered))}")


def _command(port: int, callers: int, seconds: int) -> tuple[str, ...]:
    wrk = needed("wrk", "wrk")
    size = ("-t1", f"-c{callers}", f"-d{seconds}s", "--timeout", "10s")
    return (wrk, *size, "-s", str(_SCRIPT), f"http://127.0.0.1:{port}{site.PATH}")
