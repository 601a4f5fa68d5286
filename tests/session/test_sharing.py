"""The rules of a fleet: what one pod makes of what the store shows, by the numbers."""

from __future__ import annotations

import pytest

from sidecar.redact import Secret
from sidecar.session import sharing
from sidecar.session.answer import Failure, Kind
from sidecar.session.sharing import Need, Seen, Step
from sidecar.session.state import Demand, Gate, State
from sidecar.session.store.entry import Entry
from sidecar.session.store.store import Found
from sidecar.session.token import Token

NOW = 1000.0
KNOWN = 5
FAILURE = Failure(kind=Kind.FINAL, cause="c", detail="d", remedy="r", status=401)


def token(value: str = "theirs", expires: float = 100.0, due: float = 90.0) -> Token:
    return Token(value=Secret(value), expires_at=expires, renew_at=due, window=10.0)


def seen(
    *,
    has: Token | None = None,
    gate: Gate = Gate.OPEN,
    until: float = 1800.0,
    fence: int = KNOWN + 1,
    age: float = 0.0,
    held_for: float = 0.0,
    lease: int = 0,
    token_ours: bool = True,
    gate_ours: bool = True,
) -> Seen:
    closed = gate is not Gate.OPEN
    entry = Entry(
        token=has,
        gate=gate,
        until=until if closed else 0.0,
        failure=FAILURE if closed else None,
        failures=2 if closed else 0,
    )
    found = Found(entry=b"x", fence=fence, age=age, held_for=held_for, lease=lease)
    return Seen(found=found, entry=entry, token_ours=token_ours, gate_ours=gate_ours)


EMPTY = Seen(found=Found())
NONE = Need(known=KNOWN)
MINE = token("mine")
DUE = Need(have=MINE, left=5.0, known=KNOWN)
REJECTED = Need(rejected=Secret("theirs"), known=KNOWN)
CHANGED = Need(have=MINE, left=50.0, demand=Demand.CHANGE, known=KNOWN)
TOLD = Need(have=MINE, left=50.0, demand=Demand.WORD, known=KNOWN)


# ── who asks FinHub ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("need", [NONE, DUE, REJECTED, CHANGED, TOLD])
def test_with_nothing_there_one_tries_for_the_lease_asks_with_it_and_waits_without(need: Need) -> None:
    assert sharing.judge(EMPTY, need) is Step.TAKE
    assert sharing.judge(Seen(found=Found(lease=9, held_for=5.0)), need) is Step.ASK
    assert sharing.judge(Seen(found=Found(held_for=5.0)), need) is Step.WAIT


@pytest.mark.parametrize(
    ("need", "there", "step"),
    [
        # any living token will do where there is none
        (NONE, seen(has=token()), Step.USE),
        (NONE, seen(has=token(), fence=KNOWN), Step.USE),
        (NONE, seen(has=token(), lease=9), Step.USE),
        (NONE, seen(has=token(), age=99.5), Step.TAKE),  # as good as dead
        (NONE, seen(has=token(), fence=KNOWN - 1), Step.TAKE),  # an engine that has forgotten, and remembers
        # one that is due wants another one
        (DUE, seen(has=token()), Step.USE),
        (DUE, seen(has=MINE, fence=KNOWN), Step.TAKE),
        (DUE, seen(has=MINE), Step.USE),  # somebody has asked: it is unchanged, and counted down
        (DUE, seen(has=MINE, age=95.0), Step.TAKE),  # and due again
        (DUE, seen(has=token(), fence=KNOWN), Step.USE),  # not newer, but outlives ours: we had minted alone
        (DUE, seen(has=token(), fence=KNOWN, age=96.0), Step.TAKE),
        # a rejected one will not do for anybody who knows
        (REJECTED, seen(has=token()), Step.TAKE),
        (REJECTED, seen(has=token("tok-other")), Step.USE),
        # a change is answered by a token of the same credentials, an operator's word by none
        (CHANGED, seen(has=token()), Step.USE),
        (CHANGED, seen(has=token(), token_ours=False), Step.TAKE),
        (CHANGED, seen(has=MINE, fence=KNOWN), Step.USE),
        (TOLD, seen(has=token()), Step.TAKE),
        # a pause is everybody's; who was asked for something meanwhile heeds only one that is newer
        (NONE, seen(gate=Gate.COOLING, gate_ours=False), Step.USE),
        (NONE, seen(gate=Gate.COOLING, age=1800.0), Step.TAKE),
        (CHANGED, seen(gate=Gate.COOLING), Step.USE),
        (CHANGED, seen(gate=Gate.COOLING, fence=KNOWN), Step.TAKE),
        (TOLD, seen(gate=Gate.COOLING, fence=KNOWN), Step.TAKE),
        # a rejection is that of the credentials which were rejected
        (NONE, seen(gate=Gate.BLOCKED), Step.USE),
        (NONE, seen(gate=Gate.BLOCKED, gate_ours=False), Step.TAKE),
        (NONE, seen(gate=Gate.BLOCKED, fence=KNOWN, age=100.0), Step.USE),
        (TOLD, seen(gate=Gate.BLOCKED, fence=KNOWN, age=59.0), Step.USE),
        (TOLD, seen(gate=Gate.BLOCKED, fence=KNOWN, age=60.0), Step.TAKE),
        (TOLD, seen(gate=Gate.BLOCKED, age=100.0), Step.USE),  # somebody has tried since
        (CHANGED, seen(gate=Gate.BLOCKED, fence=KNOWN, age=60.0), Step.TAKE),
        (CHANGED, seen(gate=Gate.BLOCKED, gate_ours=False), Step.TAKE),
    ],
)
def test_what_is_there_is_used_or_not(need: Need, there: Seen, step: Step) -> None:
    assert sharing.judge(there, need) is step


# ── what is taken over ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_token_that_will_do_comes_without_the_rejection_of_others_credentials() -> None:
    there = seen(has=token(), gate=Gate.BLOCKED, gate_ours=False)
    found = sharing.used(there, NONE, NOW, 0.0)
    assert found.token is not None
    assert (found.token.expires_at, found.gate, found.failure, found.failures) == (1100.0, Gate.OPEN, None, 0)


def test_a_pause_comes_with_the_token_that_lives_beside_it() -> None:
    found = sharing.used(seen(has=token(), gate=Gate.COOLING, until=30.0, age=10.0), NONE, NOW, 0.0)
    assert found.token is not None
    assert (found.gate, found.until, found.failure, found.failures) == (Gate.COOLING, 1020.0, FAILURE, 2)


def test_a_pause_leaves_the_token_that_is_due() -> None:
    found = sharing.used(seen(has=MINE, gate=Gate.COOLING, fence=KNOWN), DUE, NOW, 0.0)
    assert (found.token, found.gate, found.defers) == (None, Gate.COOLING, False)


def test_a_change_just_after_a_rejection_is_tried_when_that_is_a_minute_old() -> None:
    found = sharing.used(seen(gate=Gate.BLOCKED, fence=KNOWN, age=20.0), CHANGED, NOW, 0.0)
    assert (found.gate, found.until, found.defers) == (Gate.BLOCKED, 1040.0, True)


@pytest.mark.parametrize(("need", "fence"), [(CHANGED, KNOWN + 1), (TOLD, KNOWN), (NONE, KNOWN)])
def test_a_rejection_is_final_where_somebody_tried_since_or_nothing_changed(need: Need, fence: int) -> None:
    found = sharing.used(seen(gate=Gate.BLOCKED, fence=fence, age=20.0), need, NOW, 0.0)
    assert (found.until, found.defers) == (2780.0, False)


# ── news ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("there", "state", "gate", "value"),
    [
        (seen(has=token()), State(), Gate.OPEN, "theirs"),
        (seen(has=token()), State(token=MINE), Gate.OPEN, "theirs"),
        (seen(has=MINE), State(token=MINE), Gate.OPEN, "mine"),  # counted down
        (seen(gate=Gate.COOLING, gate_ours=False), State(token=MINE), Gate.COOLING, None),
        (seen(gate=Gate.BLOCKED), State(token=MINE), Gate.BLOCKED, None),
        (seen(has=token(), gate=Gate.BLOCKED, gate_ours=False), State(), Gate.OPEN, "theirs"),
    ],
)
def test_what_is_newer_is_taken_over(there: Seen, state: State, gate: Gate, value: str | None) -> None:
    found = sharing.news(there, state, KNOWN, NOW, 0.0)
    assert found is not None
    assert found.gate is gate
    assert (None if found.token is None else found.token.value.reveal()) == value


@pytest.mark.parametrize(
    ("there", "state"),
    [
        (EMPTY, State()),
        (seen(has=token(), fence=KNOWN), State()),
        (seen(has=token()), State(rejected=Secret("theirs"))),
        (seen(has=token(), age=99.5), State()),
        (seen(gate=Gate.BLOCKED, gate_ours=False), State()),
        (seen(gate=Gate.COOLING, age=1800.0), State()),
        (seen(), State()),
    ],
)
def test_what_is_old_dead_rejected_or_not_ours_is_no_news(there: Seen, state: State) -> None:
    assert sharing.news(there, state, KNOWN, NOW, 0.0) is None


# ── numbers ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("held_for", "lease", "garbage"), [(60.0, 5.0, False), (61.0, 5.0, True), (200.0, 60.0, False), (241.0, 60.0, True)]
)
def test_a_lease_that_no_pod_would_take_is_garbage(held_for: float, lease: float, garbage: bool) -> None:  # noqa: FBT001  # a table's column
    assert sharing.is_garbage(Found(held_for=held_for), lease) is garbage


@pytest.mark.parametrize(
    ("need", "seconds"),
    [
        (Need(), 5.0),  # callers wait: half of what they do
        (Need(have=MINE, left=60.0), 10.0),
        (Need(have=MINE, left=8.0), 4.0),
        (Need(have=MINE, left=0.0), 5.0),
        (Need(have=MINE, left=60.0, rejected=Secret("mine")), 5.0),
    ],
)
def test_pods_alone_spread_their_mints_while_nobody_has_to_wait_for_long(need: Need, seconds: float) -> None:
    assert sharing.spread(need, alone_within=10.0, wait=10.0) == seconds


def test_a_need_is_what_stands_when_a_flight_begins() -> None:
    alive = Token(value=Secret("mine"), expires_at=1050.0, renew_at=1040.0, window=10.0)
    state = State(token=alive, rejected=Secret("old"), demand=Demand.WORD)
    assert sharing.need(state, NOW, 7) == Need(
        have=alive, left=50.0, rejected=Secret("old"), demand=Demand.WORD, known=7
    )
    assert sharing.need(state, 2000.0, 7).left == 0.0
    assert sharing.need(State(), NOW, 0) == Need()
