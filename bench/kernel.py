"""What the kernel has accounted to a process and all its children: processor time, and memory."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
_UTIME: Final = 11  # fields behind the command's name, see proc(5)


def cpu_seconds(pid: int) -> float:
    """Return the processor time that the process and its children have used since they were started."""
    return sum(ticks(_read(one, "stat")) for one in family(pid)) / _TICKS_A_SECOND


def resident_bytes(pid: int) -> int:
    """Return the resident memory of the process and its children; what they share is counted for each."""
    return sum(resident(_read(one, "status")) for one in family(pid))


def family(pid: int) -> Iterator[int]:
    """Yield the process and all that it has started, and they."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from family(int(child))


def ticks(stat: str) -> int:
    """Return user and system time of `/proc/PID/stat`, in clock ticks."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[_UTIME]) + int(fields[_UTIME + 1])


def resident(status: str) -> int:
    """Return the resident bytes of `/proc/PID/status`; 0 for a process that has no memory any more."""
    found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _read(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="replace")
