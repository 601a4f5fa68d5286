"""How much is measured.

Pure.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

_T = TypeVar("_T")

LOAD: Final = "load"
LATENCY: Final = "latency"
TRANSFERS: Final = "transfers"
STARTS: Final = "starts"
IDLE: Final = "idle"
PAST: Final = "past"
ORDINARY: Final = (LOAD, LATENCY, TRANSFERS, STARTS)
LONG: Final = (IDLE, PAST)

BESIDE: Final = 64
"""Callers at work beside the idle ones, and for the past requests."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, how often and how long.

    Attributes:
        callers: numbers of callers to load with.
        rounds: how often everything is measured.
        seconds: of load for each reading.
        latency_seconds: of one caller's asking for each reading.
        idle: numbers of idle callers.
        past: numbers of past requests.
        parts: which parts are measured.
    """

    callers: tuple[int, ...] = (1, 8, 64, 256)
    rounds: int = 5
    seconds: int = 2
    latency_seconds: float = 1.0
    idle: tuple[int, ...] = (1, 10, 100, 1000)
    past: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    parts: tuple[str, ...] = ORDINARY

    def quick(self) -> Plan:
        """Return what only shows that everything runs."""
        few = dataclasses.replace(self, rounds=1, seconds=1, latency_seconds=0.2)
        return dataclasses.replace(few, idle=self.idle[::2], past=tuple(number // 10 for number in self.past[:2]))


def rotated(items: Sequence[_T], by: int) -> list[_T]:
    """Return the items beginning with another one each round, so that none always has the same neighbour in time."""
    at = by % len(items) if items else 0
    return [*items[at:], *items[:at]]
