"""So many requests a second to FinHub, and no more: the others wait their turn here, first come, first served.

The bucket is aiolimiter's; the queue before it is bounded, and nobody overtakes. Loaded only where it is configured.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from aiolimiter import AsyncLimiter

from sidecar import errors

if TYPE_CHECKING:
    from sidecar.config.finhub_side import Limits


class Shaper:
    """One lane's turns.

    Attributes:
        limits: by which turns are given.
        waiting: requests that wait for theirs.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.waiting = 0
        self._rate = limits.requests_per_second
        self._bucket = AsyncLimiter(limits.burst, limits.burst / self._rate)
        self._first = asyncio.Lock()  # fair: only who waits longest asks the bucket

    def is_free(self) -> bool:
        """Tell whether a turn can be taken now; nobody who waits is overtaken."""
        return not self.waiting and self._bucket.has_capacity()

    def take(self) -> None:
        """Take the turn that is free."""
        taking = self._bucket.acquire()
        try:
            taking.send(None)
        except StopIteration:
            return
        taking.close()
        raise RuntimeError("no turn is free")

    async def wait(self) -> None:
        """Return when it is this request's turn; cancelled, it gives its place up.

        Raises:
            TooFast: more are waiting than come to their turn within `limits.queue`.
        """
        seconds = (self.waiting + 1) / self._rate
        if seconds > self.limits.queue:
            raise errors.TooFast(
                f"{self._rate:g} requests a second go to FinHub, and {self.waiting} are waiting",
                retry_after=max(1, math.ceil(seconds - self.limits.queue)),
            )
        self.waiting += 1
        try:
            async with self._first:
                await self._bucket.acquire()
        finally:
            self.waiting -= 1
