"""What one of many makes of what the store shows: take it over, ask FinHub, wait for who does, or try for the lease.

Pure. The rules by which a fleet logs in as often as one; `shared.py` does what they say, and a simulation may. A slot
is looked at by a pod that needs a token (`judge`), and by one that has heard of news (`news`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sidecar.session.state import Demand, Gate
from sidecar.session.store import entry as entries

if TYPE_CHECKING:
    from sidecar.redact import Secret
    from sidecar.session.state import Adopted, State
    from sidecar.session.store.entry import Entry
    from sidecar.session.store.store import Found
    from sidecar.session.token import Token

_LEAST: Final = 1.0
"""A token with fewer seconds left is not worth taking over."""

_TRIED_LATELY: Final = 60.0
"""Rejected credentials are tried again on demand once in so many seconds, by all pods together: see `TooSoon`."""

_NO_LEASE: Final = 60.0
_LEASES: Final = 4.0
"""A lease that runs longer than both so many seconds and so many of ours is garbage."""


class Step(StrEnum):
    """What a pod that needs a token does next."""

    USE = "take over what is there"
    ASK = "ask FinHub: the lease is ours"
    WAIT = "wait: somebody else asks"
    TAKE = "try to get the lease"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A slot as a pod understands it.

    Attributes:
        found: what the engine told.
        entry: its entry, None where there is none or it cannot be read.
        token_ours, gate_ours: whether the token was got, or the rejection earned, with the credentials that we have.
    """

    found: Found
    entry: Entry | None = None
    token_ours: bool = False
    gate_ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a flight is for.

    Attributes:
        have: the current token, dead or alive; None where there is none.
        left: seconds that it lives.
        rejected: the text of the token that FinHub rejected last.
        demand: why a login was asked for.
        known: the fence of the newest entry that this pod had taken over or published as the need arose.
    """

    have: Token | None = None
    left: float = 0.0
    rejected: Secret | None = None
    demand: Demand = Demand.NONE
    known: int = 0


def need(state: State, now: float, known: int) -> Need:
    """Return what a flight that begins in `state` is for."""
    left = 0.0 if state.token is None else max(0.0, state.token.expires_at - now)
    return Need(have=state.token, left=left, rejected=state.rejected, demand=state.demand, known=known)


def judge(seen: Seen, need: Need) -> Step:
    """Return what to do next."""
    if _serves(seen, need) or _holds_back(seen, need):
        return Step.USE
    if seen.found.lease:
        return Step.ASK
    return Step.WAIT if seen.found.held_for > 0 else Step.TAKE


def used(seen: Seen, need: Need, now: float, jitter: float) -> Adopted:
    """Return what is taken over where `judge` said USE: a token that will do, a gate that holds back, or both.

    A change here that came just after a rejection is tried once the rejection is old enough.
    """
    found = _parts(seen, now, jitter, token=_serves(seen, need), gate=_holds_back(seen, need))
    if found.token is None and need.demand is Demand.CHANGE and seen.found.fence <= need.known:
        left = _TRIED_LATELY - seen.found.age
        return replace(found, until=min(found.until, now + left), defers=True)
    return found


def news(seen: Seen, state: State, known: int, now: float, jitter: float) -> Adopted | None:
    """Return what a pod that needs nothing takes over: what is newer than all that it knows, None where nothing is."""
    if seen.entry is None or seen.found.fence <= known:
        return None
    token = _lives(seen) and not _is(seen, state.rejected)
    gate = _is_closed(seen) and (seen.entry.gate is Gate.COOLING or seen.gate_ours)
    return _parts(seen, now, jitter, token=token, gate=gate) if token or gate else None


def is_garbage(found: Found, lease: float) -> bool:
    """Tell whether somebody's lease runs longer than any pod's would, where ours runs `lease` seconds."""
    return found.held_for > max(_NO_LEASE, _LEASES * lease)


def spread(need: Need, alone_within: float, wait: float) -> float:
    """Return over how many seconds pods spread their own mints while the engine is away.

    Not beyond half of what the living token has left, or of what callers wait where there is none.
    """
    living = need.have is not None and need.left > 0 and need.have.value != need.rejected
    return min(alone_within, (need.left if living else wait) / 2)


# ── one rule each ───────────────────────────────────────────────────────────────────────────────────────────────


def _serves(seen: Seen, need: Need) -> bool:
    """Tell whether the entry's token answers the need: none at all, a rejected or dying one, or other credentials."""
    token = _token(seen)
    if token is None or not _lives(seen) or _is(seen, need.rejected) or need.demand is Demand.WORD:
        return False
    if need.demand is Demand.CHANGE:
        return seen.token_ours
    newer = seen.found.fence > need.known
    if need.have is None:
        return seen.found.fence >= need.known  # an engine that has lost what it knew may show what was there before
    if token.value == need.have.value:
        return newer and token.renew_at > seen.found.age
    return newer or token.expires_at - seen.found.age > need.left


def _holds_back(seen: Seen, need: Need) -> bool:
    """Tell whether FinHub is to be left alone: a pause of the fleet's, or a rejection of the very same credentials."""
    if seen.entry is None or not _is_closed(seen):
        return False
    unheeded = need.demand is not Demand.NONE and seen.found.fence <= need.known
    if seen.entry.gate is Gate.COOLING:
        return not unheeded
    return seen.gate_ours and not (unheeded and seen.found.age >= _TRIED_LATELY)


def _parts(seen: Seen, now: float, jitter: float, *, token: bool, gate: bool) -> Adopted:
    entry = seen.entry or entries.Entry()
    kept = entries.Entry(
        token=entry.token if token else None,
        gate=entry.gate if gate else Gate.OPEN,
        until=entry.until if gate else 0.0,
        failure=entry.failure if gate else None,
        failures=entry.failures if gate else 0,
    )
    return entries.adopted(kept, seen.found.age, now, jitter)


def _token(seen: Seen) -> Token | None:
    return None if seen.entry is None else seen.entry.token


def _lives(seen: Seen) -> bool:
    token = _token(seen)
    return token is not None and token.expires_at - seen.found.age > _LEAST


def _is(seen: Seen, value: Secret | None) -> bool:
    token = _token(seen)
    return token is not None and token.value == value


def _is_closed(seen: Seen) -> bool:
    entry = seen.entry
    return entry is not None and entry.gate is not Gate.OPEN and entry.until > seen.found.age
