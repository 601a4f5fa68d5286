"""A second telling of the session's rules: what FinHub answers, what a flight brings, what a caller may get.

Pure. Written after CONTRACT §3 to §5 and the design's two tables, not after the code; small enough to be believed.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

Verdict = tuple[str, float | None]
"""What FinHub means, and the seconds that go with it: left of a token, or asked to wait."""

LIFETIME: Final = 1800.0
WINDOW: Final = 180.0
MARGIN: Final = 60.0
BLOCKED_FOR: Final = 1800.0
FIRST: Final = 1.0
LONGEST: Final = 60.0
MINUTE: Final = 60.0
STRIKES: Final = 3
FAILED_LOGINS_LOCK: Final = 5
LOCKED_FOR: Final = 1800.0

FINAL: Final = "final"
THROTTLED: Final = "throttled"
TRANSIENT: Final = "transient"
UNSUPPORTED: Final = "unsupported"

CUT: Final = "cut=10"
HARMLESS: Final = "delay=0"
"""Nothing goes wrong this time; something may the next."""

LOGIN_FAULTS: Final[dict[str, Verdict]] = {
    "status=400": (FINAL, None),
    "status=403": (FINAL, None),
    "status=404": (TRANSIENT, None),
    "status=429": (THROTTLED, None),
    "status=429,retry_after=120": (THROTTLED, 120.0),
    "status=500": (TRANSIENT, None),
    "status=503,retry_after=30": (TRANSIENT, 30.0),
    "garbage": (TRANSIENT, None),
    "close": (TRANSIENT, None),
    CUT: (TRANSIENT, None),
}
"""What goes wrong with a login → what it means, and how long FinHub asks us to wait.

A reply that is cut short was meant: FinHub has acted, and a status that refuses is a refusal without its last bytes.
"""

REFRESH_FAULTS: Final = {
    **LOGIN_FAULTS,
    "status=429": (THROTTLED, None),
    "status=404": (UNSUPPORTED, None),
    "status=501": (UNSUPPORTED, None),
}


@dataclass(slots=True)
class Known:
    """A token: `serial` counts what FinHub has issued, from 1; instants on our clock."""

    serial: int
    expires_at: float
    renew_at: float


@dataclass(slots=True)
class Brake:
    """Replays refused on a fresh token, since the last good reply; and when a token was last dropped."""

    strikes: int = 0
    rejected_at: float = -math.inf


@dataclass(slots=True)
class FinHub:
    """The token endpoint. `ahead`: its clock minus ours. `alive`: serial → when the token ends, on its clock."""

    right: bool = True  # are the credentials that the session sends the right ones?
    ahead: float = 0.0
    login_faults: deque[str] = field(default_factory=deque)
    refresh_faults: deque[str] = field(default_factory=deque)
    alive: dict[int, float] = field(default_factory=dict)
    issued: int = 0
    logins: int = 0
    refreshes: int = 0
    _failures: int = 0
    _locked_until: float = -math.inf

    def login(self, now: float) -> Verdict:
        """Return the verdict of one login: ("issued", None), or what kind of no it is."""
        self.logins += 1
        fault = self.login_faults.popleft() if self.login_faults else ""
        return _spoilt(fault, LOGIN_FAULTS, lambda: self._judge_login(now + self.ahead))

    def _judge_login(self, now: float) -> Verdict:
        if now < self._locked_until:
            return FINAL, None
        if not self.right:
            self._count_failure(now)
            return FINAL, None
        self._failures = 0
        return self._issue(now)

    def refresh(self, serial: int, now: float) -> Verdict:
        """Return the verdict of one refresh: also ("unchanged", the seconds left)."""
        self.refreshes += 1
        fault = self.refresh_faults.popleft() if self.refresh_faults else ""
        return _spoilt(fault, REFRESH_FAULTS, lambda: self._judge_refresh(serial, now + self.ahead))

    def _judge_refresh(self, serial: int, now: float) -> Verdict:
        left = self.alive.get(serial, -math.inf) - now
        if left <= 0:
            return FINAL, None
        if left > WINDOW:
            return "unchanged", float(math.floor(left))
        return self._issue(now)

    def _issue(self, now: float) -> tuple[str, None]:
        self.issued += 1
        self.alive[self.issued] = now + LIFETIME
        return "issued", None

    def _count_failure(self, now: float) -> None:
        self._failures += 1
        if self._failures == FAILED_LOGINS_LOCK:
            self._failures, self._locked_until = 0, now + LOCKED_FOR


def _spoilt(fault: str, meaning: dict[str, Verdict], meant: Callable[[], Verdict]) -> Verdict:
    """Return what is left of FinHub's verdict where a fault meets its reply, or stands in for it."""
    if fault in {"", HARMLESS}:
        return meant()
    if fault != CUT:
        return meaning[fault]
    verdict = meant()
    return verdict if verdict[0] == FINAL else meaning[fault]


@dataclass(slots=True)
class Session:
    """Our standing. Between two events no flight is under way, so the gate is open, cooling or blocked.

    `met` counts what happened, for whoever wants to know that it did.
    """

    finhub: FinHub = field(default_factory=FinHub)
    now: float = 1000.0
    jitter: float = 0.0
    token: Known | None = None
    gate: str = "open"
    until: float = 0.0
    failures: int = 0
    must_log_in: bool = False
    brake: Brake = field(default_factory=Brake)
    endpoints: dict[str, Brake] = field(default_factory=dict)
    operator_at: float = -math.inf
    knows_refresh: bool = True
    met: Counter[str] = field(default_factory=Counter)

    # ── what is true now ────────────────────────────────────────────────────────────────────────────────────

    @property
    def phase(self) -> str:
        """Return how far the token's life has gone: none, live, due or dead."""
        if self.token is None:
            return "none"
        if self.now >= self.token.expires_at:
            return "dead"
        return "due" if self.now >= self.token.renew_at else "live"

    @property
    def gate_now(self) -> str:
        """Return the gate; time opens it."""
        return "open" if self.now >= self.until else self.gate

    # ── events ──────────────────────────────────────────────────────────────────────────────────────────────

    def ask(self) -> int | None:
        """Return the serial of what a caller gets, None for a 503; a flight may come of it."""
        gate, phase = self.gate_now, self.phase
        self.met[f"{gate}, {phase}"] += 1
        serial = self.token.serial if self.token is not None and phase in {"live", "due"} else None
        if gate == "open" and phase != "live":
            self.fly()
            if serial is None and self.gate == "open" and self.token is not None:
                serial = self.token.serial
        return serial

    def tend(self) -> None:
        """Let an eager session do what nobody asked it for."""
        if self.gate_now == "open" and self.phase != "live":
            self.met["tended"] += 1
            self.fly()

    def change(self, *, keeps_token: bool) -> None:
        """Log in, whatever the gate."""
        self.token = self.token if keeps_token else None
        self.must_log_in, self.failures = True, 0
        self.fly()

    def change_in_flight(self, *, keeps_token: bool) -> None:
        """Let something change while the flight that an asking caller needs is under way.

        During a refresh the login that follows carries the change. During a login another one must follow, and what
        the first brings is the old secrets' affair: of another user or tenant not even its token is of use.
        """
        self.met["changed in flight"] += 1
        if self._may_refresh() and self.token is not None:
            self.met["changed during a refresh"] += 1
            verdict, _ = self.finhub.refresh(self.token.serial, self.now)
            self.knows_refresh = verdict != UNSUPPORTED
        else:
            self._try_login()
        self.change(keeps_token=keeps_token)

    def reject(self, serial: int, endpoint: str) -> bool:
        """Return whether asking again can help after this endpoint's 401 for this token."""
        if not self._is_current(serial):
            self.met["late 401"] += 1
            return True
        holding = [
            name
            for name, brake in (("endpoint", self._brake_of(endpoint)), ("session", self.brake))
            if brake.strikes >= STRIKES and self.now < brake.rejected_at + MINUTE
        ]
        if holding:
            self.met[f"braked by the {' and the '.join(holding)}"] += 1
            return False
        self.token, self.must_log_in = None, True
        self.brake.rejected_at = self._brake_of(endpoint).rejected_at = self.now
        return True

    def reject_in_flight(self, serial: int, endpoint: str) -> bool:
        """Let the token that is being renewed be refused: the flight goes on, as a login."""
        refreshing = self._may_refresh()
        if not self.reject(serial, endpoint):
            self.fly()
            return False
        self.met["rejected in flight"] += 1
        if refreshing:
            verdict, _ = self.finhub.refresh(serial, self.now)
            self.knows_refresh = verdict != UNSUPPORTED
        self._try_login()
        return True

    def strike(self, serial: int, endpoint: str) -> None:
        """Count a replay that was refused on the fresh token, against the session and against the endpoint."""
        if self._is_current(serial):
            self.brake.strikes += 1
            self._brake_of(endpoint).strikes += 1

    def accept(self, serial: int, endpoint: str) -> None:
        """Forget the strikes: the endpoint's by its own good reply alone."""
        if self._is_current(serial):
            self.brake.strikes = 0
            self.endpoints.pop(endpoint, None)

    def _is_current(self, serial: int) -> bool:
        return self.token is not None and self.token.serial == serial

    def _brake_of(self, endpoint: str) -> Brake:
        return self.endpoints.setdefault(endpoint, Brake())

    def operator(self) -> str:
        """Return what an operator's word brings: "done", "unavailable" or "too soon"."""
        if self.gate_now == "blocked":
            if self.now < self.operator_at + MINUTE:
                self.met["too soon"] += 1
                return "too soon"
            self.operator_at = self.now
        self.change(keeps_token=True)
        return "done" if self.gate == "open" else "unavailable"

    # ── a flight ────────────────────────────────────────────────────────────────────────────────────────────

    def fly(self) -> None:
        """Mint once: a refresh where it is due and possible, and one login where that does not help."""
        if self._may_refresh() and self.token is not None:
            self.met["refresh early"] += self.token.expires_at - self.now > WINDOW
            verdict, seconds = self.finhub.refresh(self.token.serial, self.now)
            self.met[f"refresh {verdict}"] += 1
            self.knows_refresh = verdict != UNSUPPORTED
            if verdict == "issued":
                return self._take(self.finhub.issued)
            if verdict == "unchanged" and seconds is not None and seconds >= 1:
                return self._keep(seconds)
            if verdict == THROTTLED:
                return self._fail(verdict, seconds, not_after=self.token.expires_at)
        return self._try_login()

    def _may_refresh(self) -> bool:
        return self.knows_refresh and not self.must_log_in and self.phase in {"live", "due"}

    def _try_login(self) -> None:
        verdict, seconds = self.finhub.login(self.now)
        self.met[f"login {verdict}"] += 1
        if verdict == "issued":
            self._take(self.finhub.issued)
        else:
            self._fail(verdict, seconds)

    def _take(self, serial: int) -> None:
        expires_at = self.now + LIFETIME
        self._succeed(Known(serial, expires_at, self._renewal(expires_at)))

    def _keep(self, left: float) -> None:
        """Count an unchanged token down from what FinHub says is left."""
        if self.token is not None:
            expires_at = self.now + left
            renew_at = self.now + left / 2 if left <= WINDOW else self._renewal(expires_at)
            self._succeed(Known(self.token.serial, expires_at, renew_at))

    def _renewal(self, expires_at: float) -> float:
        kept = min(MARGIN, WINDOW / 2)
        return expires_at - kept - self.jitter * 0.9 * (WINDOW - kept)

    def _succeed(self, token: Known) -> None:
        self.token, self.gate, self.until, self.failures, self.must_log_in = token, "open", 0.0, 0, False

    def _fail(self, verdict: str, seconds: float | None, not_after: float = math.inf) -> None:
        if verdict == FINAL:
            self.gate, self.until, self.failures = "blocked", self.now + BLOCKED_FOR, 0
            return
        pause = min(LONGEST, FIRST * 2**self.failures) * (1 - self.jitter) if seconds is None else seconds
        self.gate, self.until, self.failures = "cooling", min(self.now + pause, not_after), self.failures + 1
