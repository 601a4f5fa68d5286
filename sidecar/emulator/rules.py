"""Who may log in, and how often: the lock-out and the rate limit (CONTRACT.md §5).

Pure: every instant is a number of seconds on one steady clock.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Final

from sidecar.emulator.answers import FinHubError, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sidecar.emulator.answers import Answer

MAX_ATTEMPTS: Final = 5
LOCKED_FOR: Final = 1800.0
MINUTE: Final = 60.0


class Lockout:
    """Counts failures; the fifth in a row locks the account for half an hour, for everybody."""

    def __init__(self) -> None:
        self.attempts = 0
        self._until = -math.inf

    def left(self, now: float) -> float:
        """Return the seconds for which the account stays locked, 0.0 when it is open."""
        return max(0.0, self._until - now)

    def failed(self, now: float) -> None:
        """Count one more rejected login."""
        self.attempts += 1
        if self.attempts >= MAX_ATTEMPTS:
            self.lock(now)

    def succeeded(self) -> None:
        """Forget the failures before a login that was right."""
        self.attempts = 0

    def lock(self, now: float) -> None:
        """Lock the account as five failures do; afterwards the count begins anew."""
        self.attempts = 0
        self._until = now + LOCKED_FOR


class RateLimit:
    """At most `limit` calls in any minute, 0 for any number. Remembers no more instants than that."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: deque[float] = deque(maxlen=max(limit, 1))

    def admit(self, now: float) -> None:
        """Count one call, or raise 429 with the whole seconds until the next one is welcome."""
        if self._limit == 0:
            return
        if len(self._taken) == self._limit and (wait := self._taken[0] + MINUTE - now) > 0:
            raise FinHubError(refusal(429, retry_after=math.ceil(wait), errorType="RATE_LIMIT"))
        self._taken.append(now)


def judge(lockout: Lockout, said: Mapping[str, str], expected: Mapping[str, str], now: float) -> None:
    """Let the right credentials in; raise 401 for wrong ones, and for all while the account is locked."""
    if lockout.left(now) > 0:
        raise FinHubError(_locked(lockout, now))
    if all(said[name] == expected[name] for name in said):
        lockout.succeeded()
        return
    lockout.failed(now)
    raise FinHubError(_locked(lockout, now) if lockout.left(now) > 0 else _rejected(lockout))


def _rejected(lockout: Lockout) -> Answer:
    return refusal(
        401,
        "Invalid credentials",
        errorType="INVALID_CREDENTIALS",
        attempts=lockout.attempts,
        maxAttempts=MAX_ATTEMPTS,
        lockoutTime=None,
    )


def _locked(lockout: Lockout, now: float) -> Answer:
    """`lockoutTime` in whole seconds: how long the lock still holds."""
    return refusal(
        401,
        "The account is locked after too many failed logins",
        errorType="ACCOUNT_LOCKED",
        attempts=MAX_ATTEMPTS,
        maxAttempts=MAX_ATTEMPTS,
        lockoutTime=math.ceil(lockout.left(now)),
    )
