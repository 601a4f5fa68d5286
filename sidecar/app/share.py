"""Requests at one time, shared out: half of them for sure, an equal part each, and the rest for whoever needs it.

Pure. So a tenant whose FinHub hangs fills its own part and the common one, never another's; and a tenant that is busy
while the others rest has more than half of all.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class OnTheirWay(Protocol):
    """What counts a tenant's requests."""

    @property
    def in_flight(self) -> int:
        """Those on their way now, that which asks included."""
        ...


class Share:
    """For `tenants` of them; one alone has all."""

    def __init__(self, tenants: int) -> None:
        self._tenants = tenants
        self._traffic: list[OnTheirWay] = []

    def of(self, traffic: OnTheirWay) -> None:
        """Count `traffic` among those that share."""
        self._traffic.append(traffic)

    def sure(self, most: int) -> int:
        """Return how many of `most` requests are each tenant's own."""
        return most if self._tenants == 1 else most // (2 * self._tenants)

    def more(self, most: int) -> Callable[[], bool]:
        """Return what tells whether one that is beyond its tenant's own may be carried."""
        return partial(self._has_room, self.sure(most), most - self._tenants * self.sure(most))

    def _has_room(self, own: int, common: int) -> bool:
        return sum(max(0, traffic.in_flight - own) for traffic in self._traffic) <= common
