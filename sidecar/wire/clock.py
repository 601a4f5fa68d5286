"""The two clocks of the program. Everything else is handed one of them as a callable."""

from __future__ import annotations

import time
from typing import Final

_BOOT_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", None)


def steady() -> float:
    """Return seconds that never jump and keep running while the machine sleeps, where the platform has such a clock."""
    return time.monotonic() if _BOOT_CLOCK is None else time.clock_gettime(_BOOT_CLOCK)


def slept() -> float:
    """Return the seconds that this machine has slept since it was started, 0 where the platform does not tell."""
    return 0.0 if _BOOT_CLOCK is None else time.clock_gettime(_BOOT_CLOCK) - time.monotonic()


def utc_now() -> float:
    """Return the wall clock as POSIX seconds: for display, `expiresAt` and HTTP dates only."""
    return time.time()
