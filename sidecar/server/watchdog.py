"""When the service manager wants a sign of life (sd_watchdog_enabled(3)): twice as often as it asks for.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import MutableMapping

NEVER: Final = float("inf")
_MICRO: Final = 1e6


class Watchdog:
    """Tells when a sign of life is due; `every` is seconds, NEVER where none is asked for."""

    def __init__(self, every: float) -> None:
        self.every = every
        self._next = float("-inf")

    def due(self, now: float) -> bool:
        """Tell whether a sign is due at `now`, on one clock; True at most once in `every` seconds."""
        if self.every == NEVER or now < self._next:
            return False
        self._next = now + self.every
        return True


def every(environ: MutableMapping[str, str], pid: int) -> float:
    """Return the seconds between two signs that WATCHDOG_USEC and WATCHDOG_PID ask of process `pid`, NEVER if none.

    Both are gone from `environ` then. A value that is none counts as none, as it does in the manager's own library.
    """
    microseconds, who = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
    asked = microseconds.isascii() and microseconds.isdecimal() and int(microseconds) > 0
    if not asked or who not in {"", str(pid)}:
        return NEVER
    return int(microseconds) / _MICRO / 2
