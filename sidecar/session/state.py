"""The session's two tables: what a caller gets, and what happens then. The only state machine of the program.

Pure. A session is a token (none, live, due, dead) and a gate (open, minting, cooling or blocked until some instant).
No event is illegal in any state: fifty callers may bring the same 401. Instants are seconds on the steady clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sidecar.session.answer import Failure, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sidecar.redact import Secret
    from sidecar.session.token import Token


class Gate(StrEnum):
    """May the token endpoint be asked?"""

    OPEN = "OPEN"
    MINTING = "MINTING"
    COOLING = "COOLING"
    BLOCKED = "BLOCKED"


class Phase(StrEnum):
    """How far a token's life has gone. The values are the words of `/status`."""

    NONE = "EMPTY"
    LIVE = "FRESH"
    DUE = "RENEWABLE"
    DEAD = "EXPIRED"


class Answer(StrEnum):
    """What a caller that asks for a token gets."""

    SERVE = "serve"
    SERVE_AND_MINT = "serve, mint behind"
    MINT_AND_WAIT = "mint, wait"
    WAIT = "wait"
    REFUSE = "503 with Retry-After"


class Demand(StrEnum):
    """Why a login was asked for, where not for want of a token."""

    NONE = "none"
    CHANGE = "secrets, identity or configuration changed"
    WORD = "an operator asked for it"


ANSWERS: Final[Mapping[tuple[Gate, Phase], Answer]] = MappingProxyType(
    {
        (Gate.OPEN, Phase.LIVE): Answer.SERVE,
        (Gate.OPEN, Phase.DUE): Answer.SERVE_AND_MINT,
        (Gate.OPEN, Phase.NONE): Answer.MINT_AND_WAIT,
        (Gate.OPEN, Phase.DEAD): Answer.MINT_AND_WAIT,
        (Gate.MINTING, Phase.LIVE): Answer.SERVE,
        (Gate.MINTING, Phase.DUE): Answer.SERVE,
        (Gate.MINTING, Phase.NONE): Answer.WAIT,
        (Gate.MINTING, Phase.DEAD): Answer.WAIT,
        (Gate.COOLING, Phase.LIVE): Answer.SERVE,
        (Gate.COOLING, Phase.DUE): Answer.SERVE,
        (Gate.COOLING, Phase.NONE): Answer.REFUSE,
        (Gate.COOLING, Phase.DEAD): Answer.REFUSE,
        (Gate.BLOCKED, Phase.LIVE): Answer.SERVE,
        (Gate.BLOCKED, Phase.DUE): Answer.SERVE,
        (Gate.BLOCKED, Phase.NONE): Answer.REFUSE,
        (Gate.BLOCKED, Phase.DEAD): Answer.REFUSE,
    }
)
"""The first table. COOLING and BLOCKED are left by time alone: see `opened`."""

AFTER_FAILURE: Final[Mapping[Kind, Gate]] = MappingProxyType(
    {
        Kind.TRANSIENT: Gate.COOLING,
        Kind.THROTTLED: Gate.COOLING,
        Kind.UNSUPPORTED: Gate.COOLING,
        Kind.FINAL: Gate.BLOCKED,
    }
)

STRIKES: Final = 3
"""So many replays in a row that were refused on their fresh token set the storm brake."""

BRAKE_SECONDS: Final = 60.0
"""While the brake is on, at most one rejection in so many seconds may mint."""


LONGEST_NAP: Final = 15.0
"""Seconds that an eager session sleeps at a stretch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to leave the token endpoint alone; all seconds (`session.backoff`, `session.blocked_for`)."""

    first: float
    max: float
    blocked_for: float


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One session at one instant. Every function below returns a new one.

    Attributes:
        gate, until: the gate, and the instant at which COOLING or BLOCKED ends.
        token: the current token, which may be dead.
        failure: why the last flight brought none; None after a success.
        failures: flights in a row that failed for a transient reason.
        login_next: the next flight must be a login, since FinHub rejected the token or the secrets changed.
        rejected: the last rejected token's text: a refresh that repeats it has failed.
        again: something changed during the flight: when it ends, mint once more.
        alien: the flight logs in as another user or tenant, or elsewhere: what it brings is of no use any more.
        demand: why the next login is asked for, until one is on its way, or another pod's token has answered it.
        strikes, rejected_at: the storm brake's memory.
    """

    gate: Gate = Gate.OPEN
    until: float = 0.0
    token: Token | None = None
    failure: Failure | None = None
    failures: int = 0
    login_next: bool = False
    rejected: Secret | None = None
    again: bool = False
    alien: bool = False
    demand: Demand = Demand.NONE
    strikes: int = 0
    rejected_at: float = float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """What another pod's flight ended with, its instants on our clock: a token, None to keep ours, and the gate.

    `defers`: the gate only puts off what was asked for here; once it opens, that is to be done.
    """

    token: Token | None
    gate: Gate = Gate.OPEN
    until: float = 0.0
    failure: Failure | None = None
    failures: int = 0
    defers: bool = False


def phase(state: State, now: float) -> Phase:
    """Return how far the current token's life has gone."""
    token = state.token
    if token is None:
        return Phase.NONE
    if now >= token.expires_at:
        return Phase.DEAD
    return Phase.DUE if now >= token.renew_at else Phase.LIVE


def word(state: State, now: float) -> str:
    """Return the one word that `/status` shows: the gate's where it is not open, else the token's."""
    state = opened(state, now)
    return phase(state, now).value if state.gate is Gate.OPEN else state.gate.value


def opened(state: State, now: float) -> State:
    """Return the state with a COOLING or BLOCKED gate opened when its time has passed."""
    if state.gate in {Gate.COOLING, Gate.BLOCKED} and now >= state.until:
        return replace(state, gate=Gate.OPEN)
    return state


def closed_until(state: State, now: float) -> float | None:
    """Return the instant at which a COOLING or BLOCKED gate opens; None while it is neither."""
    return state.until if opened(state, now).gate in {Gate.COOLING, Gate.BLOCKED} else None


def ask(state: State, now: float) -> tuple[State, Answer]:
    """Return what a caller gets, and the state after: with MINTING in it the asker must start the flight."""
    state = opened(state, now)
    answer = ANSWERS[state.gate, phase(state, now)]
    if answer in {Answer.SERVE_AND_MINT, Answer.MINT_AND_WAIT}:
        state = replace(state, gate=Gate.MINTING)
    return state, answer


def is_at_ease(state: State, now: float) -> bool:
    """Tell whether the gate is open and the token live: `ask` would serve it and change nothing."""
    token = state.token
    return token is not None and now < token.renew_at and now < token.expires_at and state.gate is Gate.OPEN


def tend(state: State, now: float) -> State:
    """Return the state of an eager session that nobody asked: MINTING when its token should be renewed now."""
    state = opened(state, now)
    if state.gate is Gate.OPEN and phase(state, now) is not Phase.LIVE:
        return replace(state, gate=Gate.MINTING)
    return state


def may_refresh(state: State, now: float) -> bool:
    """Tell whether a flight may begin with a refresh: the token is alive and nobody rejected it."""
    return not state.login_next and phase(state, now) in {Phase.LIVE, Phase.DUE}


def repeats_rejected(state: State, value: Secret | None) -> bool:
    """Tell whether a refresh brought what FinHub has rejected already, which makes it a failed one."""
    return value is not None and value == state.rejected


def minted(state: State, token: Token) -> State:
    """Return the state after a flight that brought `token`; MINTING again when something changed meanwhile."""
    return replace(
        state,
        gate=Gate.MINTING if state.again else Gate.OPEN,
        token=None if state.alien else token,
        failure=None,
        failures=0,
        login_next=state.again,
        again=False,
        alien=False,
    )


def failed(state: State, failure: Failure, now: float, jitter: float, patience: Patience) -> State:
    """Return the state after a flight that brought no token, which is kept while it lives.

    When the secrets changed meanwhile, the failure was the old ones': MINTING again.
    """
    if state.again:
        return replace(state, gate=Gate.MINTING, failure=failure, login_next=True, again=False, alien=False)
    gate = AFTER_FAILURE[failure.kind]
    if gate is Gate.BLOCKED:
        return replace(state, gate=gate, until=now + patience.blocked_for, failure=failure, failures=0)
    until = now + pause(failure, state.failures, jitter, patience)
    return replace(
        state, gate=gate, until=_not_after_death(state, failure, until), failure=failure, failures=state.failures + 1
    )


def adopted(state: State, found: Adopted) -> State:
    """Return the state after another pod's outcome was taken over, instead of a flight's or beside any.

    As after a flight of our own: MINTING again when something changed meanwhile. An open gate comes with a token.
    """
    return replace(
        state,
        gate=Gate.MINTING if state.again else found.gate,
        until=found.until,
        token=None if state.alien else found.token or state.token,
        failure=found.failure,
        failures=found.failures,
        login_next=state.again or (state.login_next and found.token is None),
        demand=state.demand if state.again or found.defers else Demand.NONE,
        again=False,
        alien=False,
    )


def pause(failure: Failure, failures: int, jitter: float, patience: Patience) -> float:
    """Return the seconds to wait: what FinHub asked for, else exponential backoff with full jitter."""
    if failure.retry_after is not None:
        return failure.retry_after
    ceiling = min(patience.max, patience.first * 2.0 ** min(failures, 64))
    return float(ceiling * (1.0 - jitter))


def _not_after_death(state: State, failure: Failure, until: float) -> float:
    """Return `until`, but no later than the living token's end where only a *refresh* was asked for patience.

    After that a login is the only way, and FinHub has not been asked for one.
    """
    if failure.kind is Kind.THROTTLED and failure.of_refresh and state.token is not None:
        return min(until, state.token.expires_at)
    return until


def is_current(state: State, token: Token) -> bool:
    """Tell whether `token` is the one in use: by its value, since a countdown replaces the object alone."""
    return state.token is not None and state.token.value == token.value


def rejects(state: State, token: Token, now: float) -> tuple[State, bool]:
    """FinHub said 401 to `token`: return the state after, and whether asking for a token again can help.

    Only the current token is dropped; a late 401 for an old one costs nothing. False when the storm brake holds.
    """
    if not is_current(state, token):
        return state, True
    if state.strikes >= STRIKES and now < state.rejected_at + BRAKE_SECONDS:
        return state, False
    return replace(state, token=None, rejected=token.value, login_next=True, rejected_at=now), True


def struck(state: State, token: Token) -> State:
    """Return the state after a replay was refused on its fresh token: FinHub does not mean the token."""
    return replace(state, strikes=state.strikes + 1) if is_current(state, token) else state


def accepted(state: State, token: Token) -> State:
    """Return the state after FinHub answered the current token with anything but 401."""
    return replace(state, strikes=0) if state.strikes and is_current(state, token) else state


def nap(state: State, now: float) -> float:
    """Return how many seconds an eager session may sleep until something is due: never more than 15.

    A loop's timers stand still while a laptop sleeps, so a long sleep would wake up long after the token's end.
    """
    due = now + LONGEST_NAP
    if state.gate in {Gate.COOLING, Gate.BLOCKED}:
        due = state.until
    elif state.gate is Gate.OPEN and state.token is not None:
        due = state.token.renew_at
    return min(max(due - now, 0.0), LONGEST_NAP)


def woken(state: State) -> State:
    """Return the state after the machine or the process slept: what was in the way may be gone, so ask at once.

    Not where FinHub itself asked for patience, or rejected the credentials.
    """
    failure = state.failure
    if failure is None or failure.kind is not Kind.TRANSIENT or failure.retry_after is not None:
        return state
    gate = Gate.OPEN if state.gate is Gate.COOLING else state.gate
    return replace(state, gate=gate, failures=0)


def logging_in(state: State) -> State:
    """Return the state as a login is about to be sent, which carries all that has changed up to now."""
    return replace(state, again=False, alien=False, demand=Demand.NONE)


def changed(state: State, *, keeps_token: bool) -> State:
    """Return the state after secrets, identity or configuration changed, or an operator asked: MINTING, a login.

    `keeps_token` is False when user, tenant or URL changed: the old token is another session's.
    """
    token = state.token if keeps_token else None
    demand = Demand.WORD if state.demand is Demand.WORD else Demand.CHANGE
    if state.gate is Gate.MINTING:
        alien = state.alien or not keeps_token
        return replace(state, token=token, again=True, alien=alien, login_next=True, demand=demand, failures=0)
    return replace(state, gate=Gate.MINTING, token=token, login_next=True, demand=demand, failures=0)


def told(state: State) -> State:
    """Return the state after an operator asked for a login: as after a change, but nobody else's token will do."""
    return replace(changed(state, keeps_token=True), demand=Demand.WORD)
