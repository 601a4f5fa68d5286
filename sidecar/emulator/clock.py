"""A clock that can be pushed forward, and a wall clock that goes with it.

Pure: both clocks are given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.emulator.sessions import Instant

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """The steady clock plus whatever it was advanced by; the wall clock starts at `epoch` and runs along.

    Frozen, it stands still until it is advanced: a test then decides alone what time it is.
    """

    def __init__(self, steady: Callable[[], float], epoch: float) -> None:
        self._steady = steady
        self._epoch = epoch - steady()
        self._ahead = 0.0
        self._frozen: float | None = None

    def now(self) -> float:
        """Return the seconds on the steady clock."""
        return (self._steady() if self._frozen is None else self._frozen) + self._ahead

    def instant(self) -> Instant:
        """Return this moment on both clocks."""
        now = self.now()
        return Instant(now=now, utc=self._epoch + now)

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        self._ahead += seconds

    def freeze(self) -> None:
        """Stand still from now on."""
        if self._frozen is None:
            self._frozen = self._steady()

    def thaw(self) -> None:
        """Run again, from where it stood."""
        if self._frozen is not None:
            self._ahead += self._frozen - self._steady()
            self._frozen = None
