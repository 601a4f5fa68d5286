"""The last hour in slots of ten seconds, from counters that only grow: no work for any single request.

Pure. Slots are numbered by the steady clock, which runs while the machine sleeps: what nobody sampled is a gap, never
a zero. Instants are seconds on that clock.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SLOT: Final = 10.0
"""Seconds in a slot."""

SLOTS: Final = 360
"""So many are kept: an hour."""

LATELY: Final = 300.0
"""Seconds over which requests are judged."""

COUNTS: Final = ("requests", "upstream_errors", "sidecar_errors", "refused", "replays", "mints", "mints_failed")


class Totals(Protocol):
    """Counters since the process began; see `Metrics.totals`."""

    @property
    def requests(self) -> int:
        """Requests that are over."""
        ...

    @property
    def upstream_errors(self) -> int:
        """Those that FinHub answered with 5xx."""
        ...

    @property
    def sidecar_errors(self) -> int:
        """Those that we ended with an error of our own, refusals by the guard left out."""
        ...

    @property
    def refused(self) -> int:
        """Those that the guard refused."""
        ...

    @property
    def replays(self) -> int:
        """Requests that were sent once more."""
        ...

    @property
    def mints(self) -> int:
        """New tokens."""
        ...

    @property
    def mints_failed(self) -> int:
        """Flights that brought none."""
        ...

    @property
    def seconds(self) -> tuple[int, ...]:
        """Requests by how long they took: a count for each bucket, and one for those beyond the last."""
        ...


@dataclass(frozen=True, slots=True)
class Slot:
    """What happened in the seconds from `number * SLOT` on: `counts` as in COUNTS, `seconds` by bucket."""

    number: int
    counts: tuple[int, ...]
    seconds: tuple[int, ...]

    @property
    def begins(self) -> float:
        """The instant at which it began."""
        return self.number * SLOT


class History:
    """The ring of slots. `bounds` are the upper ends of the buckets in seconds, ascending."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self._slots: deque[Slot] = deque(maxlen=SLOTS)
        self._before: tuple[int, Totals] | None = None

    def due_in(self, now: float) -> float:
        """Return the seconds until the next sample is due: the end of the slot that `now` lies in."""
        return SLOT - now % SLOT

    def sample(self, now: float, totals: Totals) -> None:
        """Keep what has happened since the last sample, as the slot's that has just ended; the first sets the zero."""
        number = math.floor(now / SLOT) - 1
        if self._before is None:
            self._before = number, totals
            return
        last, before = self._before
        if number > last:
            self._slots.append(_between(number, before, totals))
            self._before = number, totals

    def slots(self, now: float) -> list[Slot]:
        """Return the slots of the last hour, oldest first; those that nobody sampled are missing."""
        oldest = math.floor(now / SLOT) - SLOTS
        return [slot for slot in self._slots if slot.number >= oldest]

    def lately(self, now: float, seconds: float) -> dict[str, int]:
        """Return the sums of the last `seconds`, by the names in COUNTS."""
        oldest = math.floor((now - seconds) / SLOT)
        sums = [slot.counts for slot in self._slots if slot.number >= oldest]
        return {name: sum(counts[index] for counts in sums) for index, name in enumerate(COUNTS)}

    def quantile(self, slot: Slot, share: float) -> float | None:
        """Return the seconds within which `share` of the slot's requests were over; None where there were none."""
        return quantile(self.bounds, slot.seconds, share)


def quantile(bounds: Sequence[float], counts: Sequence[int], share: float) -> float | None:
    """Return the quantile that `counts` allow to tell, evenly spread within a bucket; the last bound for those beyond.

    As Prometheus' `histogram_quantile` does it.
    """
    rank = share * sum(counts)
    if not rank:
        return None
    below = 0
    for (low, high), count in zip(pairwise((0.0, *bounds)), counts, strict=False):
        if below + count >= rank:
            return low + (high - low) * (rank - below) / count
        below += count
    return bounds[-1]


def _between(number: int, before: Totals, after: Totals) -> Slot:
    counts = tuple(getattr(after, name) - getattr(before, name) for name in COUNTS)
    return Slot(number, counts, tuple(_differences(before.seconds, after.seconds)))


def _differences(before: Sequence[int], after: Sequence[int]) -> Iterator[int]:
    return (late - early for early, late in zip(before, after, strict=True))
