"""What the one on call is shown beyond the status: what is wrong, the last hour, the last events."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sidecar import events
from sidecar.observe import metric_table as table
from sidecar.observe.history import LATELY, SLOT, History
from sidecar.observe.metrics import summed
from sidecar.observe.recent import Recent
from sidecar.session.state import BRAKE_SECONDS
from sidecar.wire.clock import steady, utc_now

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sidecar.app.facts import Facts
    from sidecar.errors import SidecarError
    from sidecar.observe.metrics import Metrics
    from sidecar.session.source import Session
    from sidecar.tls.identity import Identity

_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the assembly sees of its parts at one moment; see `diagnosis.Facts`."""

    session: Session
    lazy: bool
    identity: Identity | None
    draining: bool
    waiting: int
    most: int
    broken: SidecarError | None
    audit: str = ""
    barred: str = ""
    works: bool = True


class OnCall:
    """Remembers the last hour, by sampling `metrics`, summed up.

    Attributes:
        recent: the listener that remembers events.
        hour: the last hour's slots.
    """

    def __init__(self, *metrics: Metrics) -> None:
        self.recent = Recent(utc_now)
        self._metrics = metrics
        self.hour = History(table.BUCKETS)
        self._reasons: deque[Mapping[str, int]] = deque(maxlen=int(LATELY / SLOT) + 1)

    async def watch(self) -> None:
        """Sample every ten seconds until cancelled."""
        while True:
            self.hour.sample(steady(), summed(one.totals() for one in self._metrics))
            self._reasons.append(_reasons(self._metrics))
            await asyncio.sleep(self.hour.due_in(steady()))

    def problems(self, seen: Seen) -> list[dict[str, str]]:
        """Return what `/status` shows as `problems`."""
        from sidecar.app import diagnosis  # noqa: PLC0415  # as below

        return diagnosis.problems(self._facts(seen, steady(), utc_now()))

    def history(self, session: Session, minted_at: float | None) -> dict[str, Any]:
        """Return what `/history` shows; of a session also when its token was minted (POSIX)."""
        from sidecar.app import past  # noqa: PLC0415  # whom nobody asks need not have it in memory

        now = {"steady_now": steady(), "utc_now": utc_now()}
        return {
            **past.heading(now["utc_now"]),
            "session": past.life(session, minted_at, **now),
            "slots": past.slots(self.hour, **now),
            "events": past.events(self.recent.told),
        }

    def _facts(self, seen: Seen, now: float, utc: float) -> Facts:
        from sidecar.app.facts import Facts  # noqa: PLC0415  # as below

        session, identity, rejected = seen.session, seen.identity, self.recent.last(events.TokenRejected, BRAKE_SECONDS)
        alive = session.expires_at is not None and now < session.expires_at
        return Facts(
            state=session.word,
            for_seconds=now - session.since,
            token_ends=session.expires_at - now + utc if alive and session.expires_at is not None else None,
            tries_at=None if session.until is None else session.until - now + utc,
            failure=session.failure,
            lazy=seen.lazy,
            certificate_ends=None if identity is None else identity.not_after.timestamp(),
            certificate_days=None if identity is None else identity.days_left(datetime.fromtimestamp(utc, UTC)),
            draining=seen.draining,
            waiting=seen.waiting,
            most=seen.most,
            lately=self.hour.lately(now, LATELY),
            reasons=self._lately_by_reason(),
            braked=rejected is not None and rejected.braked,
            broken=seen.broken,
            bug=self.recent.last(events.Bug, _HOUR),
            audit=seen.audit,
            barred=seen.barred,
            works=seen.works,
        )

    def _lately_by_reason(self) -> dict[str, int]:
        if not self._reasons:
            return {}
        before, now = self._reasons[0], self._reasons[-1]
        return {reason: count - before.get(reason, 0) for reason, count in now.items()}


def _reasons(metrics: Iterable[Metrics]) -> dict[str, int]:
    """Return how many requests were ended with an error of our own up to now, by RFC 9209 name."""
    found: dict[str, int] = {}
    for one in metrics:
        for (_, _, source, reason), count in one.counts[table.REQUESTS].items():
            if source == "sidecar":
                found[reason] = found.get(reason, 0) + count
    return found
