"""An event loop whose time does not pass but leaps: to the next timer, whenever nothing else is left to do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")

_TICK = 1e-6
"""A little passes each time, as it does in life: else a timer that is early by a rounding would be early for ever."""


class LeapingLoop(asyncio.SelectorEventLoop):
    """Begins at second 1000."""

    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        self._now = 1000.0
        super().__init__()

    def time(self) -> float:
        return self._now

    def pass_time(self, seconds: float) -> None:
        self._now += seconds

    def _run_once(self) -> None:
        if not self._ready:  # type: ignore[attr-defined]  # of the base class
            waiting = [timer.when() for timer in self._scheduled if not timer.cancelled()]
            self._now = max([self._now, *([min(waiting)] if waiting else [])]) + _TICK
        super()._run_once()  # type: ignore[misc]  # as above


def leaping(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end without waiting for time."""
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        return runner.run(coroutine)
