"""The two tables of the session, row by row."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.redact import Secret
from sidecar.session import state as table
from sidecar.session.answer import Failure, Grant, Kind
from sidecar.session.state import Adopted, Answer, Demand, Gate, Patience, Phase, State
from sidecar.session.token import Schedule, Token, issue

PATIENCE = Patience(first=1.0, max=60.0, blocked_for=1800.0)
DUE_AT, DEAD_AT = 90.5, 100.0
LIVE, DUE, DEAD = 50.0, 95.0, 100.0


def token(text: str = "tok-1", sent_at: float = 0.0) -> Token:
    """A token that is due from 95 on and dead from 100 on (margin 5 of a window of 10)."""
    return issue(Grant(token=Secret(text), lifetime=100.0), sent_at, Schedule(margin=5.0, default_lifetime=1.0), 0.0)


def failure(kind: Kind = Kind.TRANSIENT, **more: object) -> Failure:
    return Failure(kind=kind, cause="destination_unavailable", detail="no", remedy="wait", **more)  # type: ignore[arg-type]  # keywords are spelt out by each test


ROWS = [
    # gate, token, now, what the caller gets, gate after
    (Gate.OPEN, True, LIVE, Answer.SERVE, Gate.OPEN),
    (Gate.OPEN, True, DUE, Answer.SERVE_AND_MINT, Gate.MINTING),
    (Gate.OPEN, True, DEAD, Answer.MINT_AND_WAIT, Gate.MINTING),
    (Gate.OPEN, False, LIVE, Answer.MINT_AND_WAIT, Gate.MINTING),
    (Gate.MINTING, True, LIVE, Answer.SERVE, Gate.MINTING),
    (Gate.MINTING, True, DUE, Answer.SERVE, Gate.MINTING),
    (Gate.MINTING, True, DEAD, Answer.WAIT, Gate.MINTING),
    (Gate.MINTING, False, LIVE, Answer.WAIT, Gate.MINTING),
    (Gate.COOLING, True, LIVE, Answer.SERVE, Gate.COOLING),
    (Gate.COOLING, True, DUE, Answer.SERVE, Gate.COOLING),
    (Gate.COOLING, True, DEAD, Answer.REFUSE, Gate.COOLING),
    (Gate.COOLING, False, LIVE, Answer.REFUSE, Gate.COOLING),
    (Gate.BLOCKED, True, LIVE, Answer.SERVE, Gate.BLOCKED),
    (Gate.BLOCKED, True, DUE, Answer.SERVE, Gate.BLOCKED),
    (Gate.BLOCKED, True, DEAD, Answer.REFUSE, Gate.BLOCKED),
    (Gate.BLOCKED, False, LIVE, Answer.REFUSE, Gate.BLOCKED),
]


@given(
    gate=st.sampled_from(Gate),
    has_token=st.booleans(),
    now=st.sampled_from([0.0, LIVE, 89.0, 90.5, 94.9, 95.0, 99.9, 100.0, 101.0]) | st.floats(0, 200),
    until=st.sampled_from([0.0, LIVE, 1000.0]),
    renews_late=st.booleans(),
)
def test_at_ease_asking_serves_and_changes_nothing(
    gate: Gate,
    has_token: bool,  # noqa: FBT001  # the property's variable
    now: float,
    until: float,
    renews_late: bool,  # noqa: FBT001  # as above
) -> None:
    current = replace(token(), renew_at=150.0) if renews_late else token()
    state = State(gate=gate, until=until, token=current if has_token else None)
    after, answer = table.ask(state, now)
    assert not table.is_at_ease(state, now) or (after is state and answer is Answer.SERVE)
    assert table.is_at_ease(state, now) == (gate is Gate.OPEN and answer is Answer.SERVE)


@pytest.mark.parametrize(("gate", "has_token", "now", "answer", "after"), ROWS)
def test_what_a_caller_gets(gate: Gate, has_token: bool, now: float, answer: Answer, after: Gate) -> None:  # noqa: FBT001  # a row of the table
    state = State(gate=gate, until=1000.0, token=token() if has_token else None)
    following, got = table.ask(state, now)
    assert (got, following.gate) == (answer, after)


@pytest.mark.parametrize("gate", [Gate.COOLING, Gate.BLOCKED])
def test_after_its_time_a_closed_gate_lets_one_probe_through_and_the_others_wait(gate: Gate) -> None:
    state = State(gate=gate, until=10.0)
    state, first = table.ask(state, 10.0)
    state, second = table.ask(state, 10.0)
    assert (first, second) == (Answer.MINT_AND_WAIT, Answer.WAIT)


def test_after_its_time_a_cooling_session_with_a_due_token_mints_behind() -> None:
    assert table.ask(State(gate=Gate.COOLING, until=90.0, token=token()), DUE)[1] is Answer.SERVE_AND_MINT


@pytest.mark.parametrize(
    ("has_token", "now", "phase", "word"),
    [
        (False, 0.0, Phase.NONE, "EMPTY"),
        (True, LIVE, Phase.LIVE, "FRESH"),
        (True, DUE, Phase.DUE, "RENEWABLE"),
        (True, DEAD, Phase.DEAD, "EXPIRED"),
    ],
)
def test_the_word_of_an_open_session_is_its_tokens(has_token: bool, now: float, phase: Phase, word: str) -> None:  # noqa: FBT001  # a row of the table
    state = State(token=token() if has_token else None)
    assert (table.phase(state, now), table.word(state, now)) == (phase, word)


@pytest.mark.parametrize("gate", [Gate.MINTING, Gate.COOLING, Gate.BLOCKED])
def test_the_word_of_a_session_that_is_not_open_is_its_gates(gate: Gate) -> None:
    assert table.word(State(gate=gate, until=99.0, token=token()), LIVE) == gate.value


@pytest.mark.parametrize(
    ("gate", "now", "until"),
    [
        (Gate.COOLING, 98.0, 99.0),
        (Gate.BLOCKED, 98.0, 99.0),
        (Gate.BLOCKED, 99.0, None),
        (Gate.OPEN, 98.0, None),
        (Gate.MINTING, 98.0, None),
    ],
)
def test_it_tells_until_when_a_gate_is_closed(gate: Gate, now: float, until: float | None) -> None:
    assert table.closed_until(State(gate=gate, until=99.0), now) == until


def test_a_gate_whose_time_has_passed_is_not_shown_any_more() -> None:
    assert table.word(State(gate=Gate.BLOCKED, until=10.0, token=token()), LIVE) == "FRESH"


# ── what happens then ───────────────────────────────────────────────────────────────────────────────────────────


def test_minted_brings_the_token_and_opens_the_gate() -> None:
    fresh = token("tok-2")
    state = table.minted(State(gate=Gate.MINTING, failures=3, failure=failure(), login_next=True), fresh)
    assert state == State(token=fresh)


def test_a_transient_failure_cools_and_keeps_the_token() -> None:
    kept = token()
    state = table.failed(State(gate=Gate.MINTING, token=kept), failure(), 10.0, 0.0, PATIENCE)
    assert (state.gate, state.until, state.token, state.failures) == (Gate.COOLING, 11.0, kept, 1)


@pytest.mark.parametrize(("failures", "longest"), [(0, 1.0), (1, 2.0), (5, 32.0), (6, 60.0), (5000, 60.0)])
def test_pauses_grow_exponentially_to_their_bound(failures: int, longest: float) -> None:
    assert table.pause(failure(), failures, 0.0, PATIENCE) == longest


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_jitter_is_full_at_every_length_and_a_pause_is_never_nothing(failures: int, jitter: float) -> None:
    longest = table.pause(failure(), failures, 0.0, PATIENCE)
    assert 0 < table.pause(failure(), failures, jitter, PATIENCE) <= longest
    assert table.pause(failure(), failures, 0.75, PATIENCE) == pytest.approx(longest / 4)


def test_retry_after_overrules_the_backoff() -> None:
    state = table.failed(State(gate=Gate.MINTING), failure(Kind.THROTTLED, retry_after=3.0), 10.0, 0.5, PATIENCE)
    assert (state.gate, state.until) == (Gate.COOLING, 13.0)


def test_a_throttled_refresh_waits_no_longer_than_the_living_token() -> None:
    said = failure(Kind.THROTTLED, retry_after=300.0, of_refresh=True)
    assert table.failed(State(gate=Gate.MINTING, token=token()), said, DUE, 0.0, PATIENCE).until == DEAD_AT


def test_a_throttled_login_is_not_repeated_before_its_time_though_the_token_ends() -> None:
    said = failure(Kind.THROTTLED, retry_after=300.0)
    assert table.failed(State(gate=Gate.MINTING, token=token()), said, DUE, 0.0, PATIENCE).until == DUE + 300


def test_a_final_failure_blocks_and_keeps_the_token_while_it_lives() -> None:
    kept = token()
    state = table.failed(State(gate=Gate.MINTING, token=kept, failures=4), failure(Kind.FINAL), 10.0, 0.0, PATIENCE)
    assert (state.gate, state.until, state.token, state.failures) == (Gate.BLOCKED, 1810.0, kept, 0)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_failure_of_secrets_that_changed_meanwhile_mints_again_at_once(kind: Kind) -> None:
    state = table.failed(State(gate=Gate.MINTING, again=True), failure(kind), 10.0, 0.0, PATIENCE)
    assert (state.gate, state.again, state.login_next) == (Gate.MINTING, False, True)


def test_a_mint_during_which_something_changed_is_followed_by_a_login() -> None:
    state = table.minted(State(gate=Gate.MINTING, again=True), token())
    assert (state.gate, state.again, state.login_next) == (Gate.MINTING, False, True)


@pytest.mark.parametrize("gate", [Gate.OPEN, Gate.COOLING, Gate.BLOCKED])
def test_a_change_mints_whatever_the_gate(gate: Gate) -> None:
    kept = token()
    state = table.changed(State(gate=gate, until=999.0, token=kept, failures=9), keeps_token=True)
    assert (state.gate, state.token, state.login_next, state.failures) == (Gate.MINTING, kept, True, 0)


def test_a_change_during_a_flight_waits_for_its_end() -> None:
    state = table.changed(State(gate=Gate.MINTING), keeps_token=True)
    assert (state.gate, state.again) == (Gate.MINTING, True)


def test_what_a_flight_brings_for_another_user_is_dropped_and_a_login_follows() -> None:
    changed = table.changed(State(gate=Gate.MINTING, token=token()), keeps_token=False)
    state = table.minted(changed, token("the-old-users"))
    assert (state.token, state.gate, state.login_next, state.alien) == (None, Gate.MINTING, True, False)


def test_a_later_change_of_a_secret_alone_does_not_make_the_flight_the_right_users_again() -> None:
    changed = table.changed(table.changed(State(gate=Gate.MINTING), keeps_token=False), keeps_token=True)
    assert table.minted(changed, token("the-old-users")).token is None


def test_a_change_in_flight_starts_the_backoff_anew_as_one_outside_a_flight_does() -> None:
    assert table.changed(State(gate=Gate.MINTING, failures=9), keeps_token=True).failures == 0


def test_a_login_that_is_about_to_be_sent_carries_all_that_has_changed() -> None:
    changed = table.changed(State(gate=Gate.MINTING), keeps_token=False)
    state = table.minted(table.logging_in(changed), fresh := token("the-new-users"))
    assert (state.token, state.gate) == (fresh, Gate.OPEN)


@pytest.mark.parametrize("gate", list(Gate))
def test_another_user_tenant_or_url_drops_the_token(gate: Gate) -> None:
    assert table.changed(State(gate=gate, token=token()), keeps_token=False).token is None


# ── what other pods did ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("gate", list(Gate))
def test_another_pods_token_opens_the_gate_and_answers_what_was_asked_for(gate: Gate) -> None:
    before = State(gate=gate, until=999.0, failure=failure(), failures=9, login_next=True, demand=Demand.CHANGE)
    state = table.adopted(before, Adopted(token=(theirs := token("theirs"))))
    assert (state.token, state.gate, state.failure, state.failures) == (theirs, Gate.OPEN, None, 0)
    assert (state.login_next, state.demand) == (False, Demand.NONE)


def test_another_pods_failure_closes_the_gate_and_leaves_the_token() -> None:
    no = failure()
    before = State(gate=Gate.MINTING, token=(mine := token()), login_next=True, demand=Demand.CHANGE)
    state = table.adopted(before, Adopted(token=None, gate=Gate.BLOCKED, until=70.0, failure=no, failures=3))
    assert (state.token, state.gate, state.until, state.failure, state.failures) == (mine, Gate.BLOCKED, 70.0, no, 3)
    assert (state.login_next, state.demand) == (True, Demand.NONE)


def test_what_is_only_put_off_is_still_asked_for_when_the_gate_opens() -> None:
    before = table.changed(State(), keeps_token=True)
    state = table.adopted(before, Adopted(token=None, gate=Gate.BLOCKED, until=70.0, failure=failure(), defers=True))
    assert (state.gate, state.demand) == (Gate.BLOCKED, Demand.CHANGE)


def test_what_changed_while_another_pod_was_waited_for_mints_again() -> None:
    before = table.changed(State(gate=Gate.MINTING), keeps_token=True)
    state = table.adopted(before, Adopted(token=(theirs := token("theirs"))))
    assert (state.token, state.gate, state.again) == (theirs, Gate.MINTING, False)
    assert (state.login_next, state.demand) == (True, Demand.CHANGE)


def test_a_token_that_was_waited_for_as_another_user_is_dropped() -> None:
    before = table.changed(State(gate=Gate.MINTING), keeps_token=False)
    state = table.adopted(before, Adopted(token=token("the-old-users")))
    assert (state.token, state.gate, state.alien) == (None, Gate.MINTING, False)


def test_an_operators_word_is_one_until_a_login_is_on_its_way_whatever_changes_meanwhile() -> None:
    state = table.told(State())
    assert (state.gate, state.login_next, state.demand) == (Gate.MINTING, True, Demand.WORD)
    assert table.changed(state, keeps_token=True).demand is Demand.WORD
    assert table.changed(State(), keeps_token=True).demand is Demand.CHANGE
    assert table.logging_in(state).demand is Demand.NONE


# ── rejection by identity ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("gate", list(Gate))
def test_rejecting_the_current_token_drops_it_and_asks_for_a_login(gate: Gate) -> None:
    bad = token()
    state, may_ask = table.rejects(State(gate=gate, until=999.0, token=bad), bad, LIVE)
    assert (state.token, state.rejected, state.login_next, state.gate, may_ask) == (None, bad.value, True, gate, True)
    assert not table.may_refresh(state, LIVE)


def test_a_late_rejection_of_an_old_token_changes_nothing() -> None:
    state = State(token=token("tok-2"))
    assert table.rejects(state, token("tok-1"), LIVE) == (state, True)


def test_a_rejection_while_there_is_no_token_changes_nothing() -> None:
    assert table.rejects(State(), token(), LIVE) == (State(), True)


def test_a_countdown_of_the_same_token_is_still_the_one_in_use() -> None:
    assert table.is_current(State(token=token("tok-1", 5.0)), token("tok-1", 0.0))


def test_fifty_rejections_of_one_token_ask_for_one_login() -> None:
    bad, state, mints = token(), State(token=token()), 0
    for _ in range(50):
        state, _ = table.rejects(state, bad, LIVE)
        state, answer = table.ask(state, LIVE)
        mints += answer is Answer.MINT_AND_WAIT
    assert mints == 1


def test_a_refresh_that_repeats_the_rejected_token_is_known() -> None:
    state = State(rejected=Secret("tok-1"))
    assert table.repeats_rejected(state, Secret("tok-1"))
    assert not table.repeats_rejected(state, Secret("tok-2"))
    assert not table.repeats_rejected(State(), None)


@pytest.mark.parametrize(
    ("state", "now", "may"),
    [
        (State(token=token()), LIVE, True),
        (State(token=token()), DUE, True),
        (State(token=token()), DEAD, False),
        (State(token=token(), login_next=True), LIVE, False),
        (State(), LIVE, False),
    ],
)
def test_a_flight_begins_with_a_refresh_only_while_the_token_lives_unrejected(
    state: State,
    now: float,
    may: bool,  # noqa: FBT001  # a row of the table
) -> None:
    assert table.may_refresh(state, now) is may


# ── the storm brake ─────────────────────────────────────────────────────────────────────────────────────────────


def storm(strikes: int, rejected_at: float) -> State:
    return State(token=token(), strikes=strikes, rejected_at=rejected_at)


def test_two_strikes_are_no_storm() -> None:
    assert table.rejects(storm(2, 49.0), token(), 50.0)[1]


def test_after_three_strikes_one_rejection_a_minute_may_mint() -> None:
    held = storm(3, 0.0)
    assert table.rejects(held, token(), 59.9) == (held, False)
    state, may_ask = table.rejects(held, token(), 60.0)
    assert (may_ask, state.token, state.rejected_at) == (True, None, 60.0)


def test_a_strike_counts_against_the_current_token_only() -> None:
    state = State(token=token("tok-2"))
    assert table.struck(state, token("tok-2")).strikes == 1
    assert table.struck(state, token("tok-1")).strikes == 0


def test_any_other_reply_to_the_current_token_clears_the_strikes() -> None:
    assert table.accepted(storm(3, 0.0), token()).strikes == 0
    assert table.accepted(storm(3, 0.0), token("tok-0")).strikes == 3
    calm = State(token=token())
    assert table.accepted(calm, token()) is calm


# ── eager sessions ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("state", "now", "mints"),
    [
        (State(), 0.0, True),
        (State(token=token()), LIVE, False),
        (State(token=token()), DUE, True),
        (State(token=token()), DEAD, True),
        (State(gate=Gate.COOLING, until=10.0), 9.0, False),
        (State(gate=Gate.COOLING, until=10.0), 10.0, True),
        (State(gate=Gate.BLOCKED, until=10.0), 10.0, True),
        (State(gate=Gate.BLOCKED, until=10.0, token=token()), 10.0, False),
    ],
)
def test_an_eager_session_mints_when_its_token_is_not_live_and_the_gate_is_open(
    state: State,
    now: float,
    mints: bool,  # noqa: FBT001  # a row of the table
) -> None:
    assert (table.tend(state, now).gate is Gate.MINTING) is mints


@pytest.mark.parametrize(
    ("state", "now", "seconds"),
    [
        (State(token=token()), 90.0, 5.0),
        (State(token=token()), 10.0, 15.0),
        (State(token=token()), 99.0, 0.0),
        (State(), 0.0, 15.0),
        (State(gate=Gate.MINTING), 0.0, 15.0),
        (State(gate=Gate.COOLING, until=3.0), 0.0, 3.0),
        (State(gate=Gate.BLOCKED, until=1800.0), 0.0, 15.0),
    ],
)
def test_it_sleeps_until_something_is_due_but_never_longer_than_15_seconds(
    state: State, now: float, seconds: float
) -> None:
    assert table.nap(state, now) == seconds


@given(st.lists(st.sampled_from(["ask", "reject", "minted", "failed", "final", "changed", "tick"]), max_size=60))
def test_no_sequence_of_events_is_illegal_or_serves_a_rejected_or_dead_token(events: list[str]) -> None:
    state, now, minted_so_far = State(), 0.0, 0
    rejected: set[str] = set()
    for event in events:
        now += 7.0
        if event == "ask":
            state, answer = table.ask(state, now)
            if answer in {Answer.SERVE, Answer.SERVE_AND_MINT}:
                assert state.token is not None
                assert now < state.token.expires_at
                assert state.token.value.reveal() not in rejected
        elif event == "reject" and state.token is not None:
            current = state.token
            state, may_ask = table.rejects(state, current, now)
            if may_ask:
                rejected.add(current.value.reveal())
        elif event == "minted" and state.gate is Gate.MINTING:
            minted_so_far += 1
            state = table.minted(state, token(f"minted-{minted_so_far}", now))
        elif event in {"failed", "final"} and state.gate is Gate.MINTING:
            kind = Kind.FINAL if event == "final" else Kind.TRANSIENT
            state = table.failed(state, failure(kind), now, 0.0, PATIENCE)
        elif event == "changed":
            state = table.changed(state, keeps_token=True)
        elif event == "tick":
            state = table.tend(state, now)
    assert replace(state) == state


# ── after a sleep ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("gate", "why", "after", "failures"),
    [
        (Gate.COOLING, failure(), Gate.OPEN, 0),
        (Gate.OPEN, failure(), Gate.OPEN, 0),
        (Gate.MINTING, failure(), Gate.MINTING, 0),
        (Gate.COOLING, failure(retry_after=60.0), Gate.COOLING, 7),
        (Gate.COOLING, failure(Kind.THROTTLED), Gate.COOLING, 7),
        (Gate.BLOCKED, failure(Kind.FINAL), Gate.BLOCKED, 7),
        (Gate.OPEN, None, Gate.OPEN, 7),
    ],
)
def test_after_a_sleep_one_try_is_free_but_for_what_finhub_itself_forbade(
    gate: Gate, why: Failure | None, after: Gate, failures: int
) -> None:
    state = table.woken(State(gate=gate, until=1000.0, failure=why, failures=7))
    assert (state.gate, state.failures, state.failure) == (after, failures, why)
