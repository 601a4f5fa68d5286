"""How long a slow caller is waited for: pauses are bounded, and so is the whole, by an average rate.

Pure. The rule is the same for a body that comes and a reply that is taken.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """`pause`: seconds without a byte. `rate`: bytes a second, at least 1, on average beyond one pause."""

    pause: float
    rate: int

    def patience(self, waited: float, moved: int) -> float:
        """Return the seconds that the next wait may take, after `waited` seconds in which `moved` bytes have passed.

        It is 0 or less once the caller is too slow; a wait that needs no waiting is fine even then.
        """
        return min(self.pause, self.pause + moved / self.rate - waited)
