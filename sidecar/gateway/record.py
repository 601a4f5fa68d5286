"""What is remembered of one request while it is carried, and told as one event when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.events import Forwarded
from sidecar.gateway.departure import Departure

if TYPE_CHECKING:
    from sidecar.gateway.trace import Trace


class Record:
    """One request's story, filled in on the way; instants on the steady clock, sizes in bytes.

    What most requests never change stands on the class, so that it costs a request nothing.

    Attributes:
        request_id: the version-4 UUID of this request, the same in every field that carries one.
        sendings: why the request was put on the wire after its first sending, one entry each.
        status: what the caller saw; 0 if it saw none.
        upstream_status: what FinHub answered last; 0 if it did not.
        session_wait: seconds until there was a token, or none to be had; None where one was at hand.
        departure: whether the caller has left meanwhile.
        trace: what follows the request, where requests are traced.
        tenant, fingerprint, peer, uid: see `events.Forwarded`.
    """

    attempts: int = 0
    status: int = 0
    upstream_status: int = 0
    source: str = "sidecar"
    reason: str = ""
    rule: str = ""
    replay: str = ""
    upstream_seconds: float = 0.0
    session_wait: float | None = None
    received: int = 0
    sent: int = 0
    outcome: str = "complete"
    trace: Trace | None = None
    tenant: str = ""
    fingerprint: str = ""
    peer: str | None = None
    uid: int | None = None

    def __init__(
        self, request_id: str, method: str, path: str, started_at: float, departure: Departure | None = None
    ) -> None:
        self.request_id = request_id
        self.method = method
        self.path = path
        self.started_at = started_at
        self.departure = departure or Departure()
        self.sendings: list[str] = []

    def end(self) -> None:
        """Note that the request was ended from outside: by its caller's leaving, or with the process."""
        self.outcome = "caller_left" if self.departure.ended else "aborted"

    @property
    def endpoint(self) -> str:
        """Return the request's method and path."""
        return f"{self.method} {self.path}"

    def told(self, now: float) -> Forwarded:
        """Return the event of a request that is over at `now`."""
        return Forwarded(
            request_id=self.request_id,
            method=self.method,
            path=self.path,
            status=self.status,
            upstream_status=self.upstream_status,
            source=self.source,
            reason=self.reason,
            rule=self.rule,
            duration=now - self.started_at,
            upstream_duration=self.upstream_seconds,
            received=self.received,
            sent=self.sent,
            attempts=self.attempts + len(self.sendings),
            replay=self.replay or ", ".join(self.sendings),
            outcome=self.outcome,
            session_wait=self.session_wait,
            tenant=self.tenant,
            fingerprint=self.fingerprint,
            peer=self.peer,
            uid=self.uid,
        )
