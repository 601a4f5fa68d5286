"""A clock that can be pushed forward, and a wall clock that goes with it.

Pure: both clocks are given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.emulator.sessions import Instant

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """The steady clock plus whatever it was advanced by; the wall clock starts at `epoch` and runs along."""

    def __init__(self, steady: Callable[[], float], epoch: float) -> None:
        self._steady = steady
        self._epoch = epoch - steady()
        self._ahead = 0.0

    def now(self) -> float:
        """Return the seconds on the steady clock."""
        return self._steady() + self._ahead

    def instant(self) -> Instant:
        """Return this moment on both clocks."""
        now = self.now()
        return Instant(now=now, utc=self._epoch + now)

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        self._ahead += seconds
