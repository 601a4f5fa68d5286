"""The machine that is measured on: two cores, and the programs that it has."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING, Final

from bench.errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATH: Final = os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/sbin"


def cores() -> tuple[int, int]:
    """Return the core of the proxy that is measured, and that of all else; BenchError with fewer than two."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:  # noqa: PLR2004  # one for each side
        raise BenchError(
            "two cores are needed, one for the proxy and one for all else, and this process may use one only: "
            "run it on a larger machine, or with a wider `taskset`"
        )
    return usable[0], usable[1]


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Keep this thread, and the processes that it starts, on one core until the block ends."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def program(name: str) -> str | None:
    """Return the path of a program, or None where it is not installed."""
    return shutil.which(name, path=_PATH)


def needed(name: str, package: str) -> str:
    """Return the path of a program without which nothing can be measured; BenchError says where it comes from."""
    found = program(name)
    if found is None:
        raise BenchError(f"{name} is not installed (Debian: {package})")
    return found
