"""One mint for all who wait, renewed behind, dropped when FinHub says no: the source against a scripted endpoint."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from sidecar import errors, events
from sidecar.redact import Secret
from sidecar.session.answer import Failure, Grant, Kind
from sidecar.session.source import Exchange, MintingSource, Terms
from sidecar.session.state import Gate, Patience, State
from sidecar.session.token import Schedule, Token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATH = "GET /api"
LIFETIME = 100.0  # due from 95 on with this margin and no jitter


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def no(kind: Kind, **more: object) -> Failure:
    return Failure(kind=kind, cause="destination_unavailable", detail="FinHub says no", remedy="wait", **more)  # type: ignore[arg-type]  # keywords are spelt out by each test


@dataclass
class Desk:
    """A token endpoint that answers by script, and counts. `open` holds its answers back while it is clear."""

    clock: Clock
    calls: list[str] = field(default_factory=list)
    logins: list[Failure] = field(default_factory=list)
    refreshes: list[Grant | Failure | None] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def login(self) -> Exchange:
        self.calls.append("login")
        sent_at = self.clock()
        await self.open.wait()
        outcome: Grant | Failure = Grant(token=Secret(f"login-{len(self.calls)}"), lifetime=LIFETIME)
        return Exchange(sent_at, self.logins.pop(0) if self.logins else outcome)

    async def refresh(self, token: Token) -> Exchange | None:  # noqa: ARG002  # the Protocol's signature
        self.calls.append("refresh")
        sent_at = self.clock()
        await self.open.wait()
        outcome = Grant(token=Secret(f"refresh-{len(self.calls)}"), lifetime=LIFETIME)
        scripted = self.refreshes.pop(0) if self.refreshes else outcome
        return None if scripted is None else Exchange(sent_at, scripted)

    async def logout(self, token: Token) -> None:
        self.calls.append(f"logout {token.value.reveal()}")


@dataclass
class Stage:
    clock: Clock
    desk: Desk
    told: list[events.Event]
    source: MintingSource

    def kinds(self) -> list[str]:
        return [event.kind for event in self.told if isinstance(event, events.Minted)]


def stage_of(*, eager: bool = False, wait: float = 10.0) -> Stage:
    clock = Clock()
    desk = Desk(clock)
    desk.open.set()
    told: list[events.Event] = []
    terms = Terms(
        tenant="1234567",
        schedule=Schedule(margin=5.0, default_lifetime=LIFETIME),
        patience=Patience(first=1.0, max=60.0, blocked_for=1800.0),
        wait=wait,
        eager=eager,
    )
    source = MintingSource(desk, terms, emit=told.append, clock=clock, jitter=lambda: 0.0)
    return Stage(clock, desk, told, source)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = stage_of()
    yield made
    await made.source.close(logout=False)


async def settle() -> None:
    """Let everything that can run, run."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_fifty_callers_without_a_token_cost_one_login(stage: Stage) -> None:
    stage.desk.open.clear()
    waiting = [asyncio.create_task(stage.source.token()) for _ in range(50)]
    await settle()
    stage.desk.open.set()
    tokens = await asyncio.gather(*waiting)
    assert stage.desk.calls == ["login"]
    assert len({id(token) for token in tokens}) == 1


async def test_a_caller_that_goes_away_cancels_nothing_for_the_others(stage: Stage) -> None:
    stage.desk.open.clear()
    leaving, staying = (asyncio.create_task(stage.source.token()) for _ in range(2))
    await settle()
    leaving.cancel()
    await settle()
    stage.desk.open.set()
    assert (await staying).value == Secret("login-1")
    assert stage.desk.calls == ["login"]


async def test_a_live_token_is_served_without_a_call(stage: Stage) -> None:
    first = await stage.source.token()
    stage.clock.now = 94.9
    assert await stage.source.token() is first
    assert stage.desk.calls == ["login"]


async def test_a_due_token_is_served_and_renewed_behind(stage: Stage) -> None:
    first = await stage.source.token()
    stage.clock.now = 96.0
    assert await stage.source.token() is first
    await settle()
    assert (await stage.source.token()).value == Secret("refresh-2")
    assert stage.desk.calls == ["login", "refresh"]


async def test_a_dead_token_is_never_served_and_costs_a_login_not_a_refresh(stage: Stage) -> None:
    await stage.source.token()
    stage.clock.now = 100.0
    assert (await stage.source.token()).value == Secret("login-2")
    assert stage.desk.calls == ["login", "login"]


async def test_waiting_has_a_bound_and_the_flight_goes_on() -> None:
    stage = stage_of(wait=0.01)
    stage.desk.open.clear()
    with pytest.raises(errors.TokenUnavailable) as refusal:
        await stage.source.token()
    assert (refusal.value.status, refusal.value.retry_after) == (503, 1)
    stage.desk.open.set()
    await settle()
    assert (await stage.source.token()).value == Secret("login-1")
    assert stage.desk.calls == ["login"]
    await stage.source.close(logout=False)


async def test_a_failed_refresh_is_followed_by_one_login_in_the_same_flight(stage: Stage) -> None:
    await stage.source.token()
    stage.clock.now = 96.0
    stage.desk.refreshes = [no(Kind.FINAL, status=401)]
    await stage.source.token()
    await settle()
    assert stage.desk.calls == ["login", "refresh", "login"]
    assert stage.kinds() == ["login", "login"]


async def test_a_proxy_that_refuses_the_refresh_is_not_asked_for_a_login_right_after(stage: Stage) -> None:
    await stage.source.token()
    stage.clock.now = 96.0
    stage.desk.refreshes = [no(Kind.FINAL)]
    first = await stage.source.token()
    await settle()
    assert await stage.source.token() is first
    assert (stage.desk.calls, stage.source.session().word) == (["login", "refresh"], "BLOCKED")


async def test_a_refresh_that_asks_for_patience_is_not_followed_by_a_login_while_the_token_lives(stage: Stage) -> None:
    await stage.source.token()
    stage.clock.now = 96.0
    stage.desk.refreshes = [no(Kind.THROTTLED, retry_after=300.0)]
    first = await stage.source.token()
    await settle()
    (failed,) = [event for event in stage.told if isinstance(event, events.MintFailed)]
    assert failed.kind == "refresh"
    stage.clock.now = 99.9
    assert await stage.source.token() is first
    assert stage.desk.calls == ["login", "refresh"]
    stage.clock.now = 100.0
    assert (await stage.source.token()).value == Secret("login-3")


async def test_where_there_is_no_refresh_it_is_asked_for_once_and_never_again(stage: Stage) -> None:
    stage.desk.refreshes = [no(Kind.UNSUPPORTED, status=404)]
    await stage.source.token()
    for moment in (96.0, 192.0, 288.0):
        stage.clock.now = moment
        await stage.source.token()
        await settle()
    assert stage.desk.calls == ["login", "refresh", "login", "login", "login"]
    assert [type(event) for event in stage.told].count(events.RefreshUnavailable) == 1


async def test_a_dialect_without_a_refresh_logs_in(stage: Stage) -> None:
    await stage.source.token()
    stage.clock.now = 96.0
    stage.desk.refreshes = [None]
    await stage.source.token()
    await settle()
    assert stage.kinds() == ["login", "login"]


async def test_an_unchanged_token_is_asked_for_again_inside_its_window(stage: Stage) -> None:
    await stage.source.token()
    stage.clock.now = 96.0
    stage.desk.refreshes = [Grant(token=Secret("login-1"), lifetime=LIFETIME, stated=4.0)]
    await stage.source.token()
    await settle()
    stage.clock.now = 97.9
    await stage.source.token()
    await settle()
    assert stage.desk.calls == ["login", "refresh"]
    stage.clock.now = 98.0
    await stage.source.token()
    await settle()
    assert stage.desk.calls == ["login", "refresh", "refresh"]
    assert stage.kinds() == ["login", "unchanged", "refresh"]


async def test_less_than_a_second_left_is_a_login(stage: Stage) -> None:
    await stage.source.token()
    stage.clock.now = 99.5
    stage.desk.refreshes = [Grant(token=Secret("login-1"), lifetime=LIFETIME, stated=0.5)]
    await stage.source.token()
    await settle()
    assert stage.desk.calls == ["login", "refresh", "login"]


async def test_a_rejected_token_is_followed_by_a_login_not_a_refresh(stage: Stage) -> None:
    bad = await stage.source.token()
    assert stage.source.reject(bad, PATH)
    assert (await stage.source.token()).value == Secret("login-2")
    assert stage.desk.calls == ["login", "login"]


async def test_fifty_rejections_of_one_token_cost_one_login(stage: Stage) -> None:
    bad = await stage.source.token()

    async def caller() -> Token:
        assert stage.source.reject(bad, PATH)
        return await stage.source.token()

    tokens = await asyncio.gather(*(caller() for _ in range(50)))
    assert {token.value.reveal() for token in tokens} == {"login-2"}
    assert stage.desk.calls == ["login", "login"]


async def test_a_late_rejection_of_an_old_token_costs_nothing(stage: Stage) -> None:
    old = await stage.source.token()
    stage.source.reject(old, PATH)
    fresh = await stage.source.token()
    assert stage.source.reject(old, PATH)
    assert await stage.source.token() is fresh
    assert stage.desk.calls == ["login", "login"]


async def test_a_countdown_of_the_same_token_can_be_rejected_by_who_holds_the_older_object(stage: Stage) -> None:
    old = await stage.source.token()
    stage.clock.now = 96.0
    stage.desk.refreshes = [Grant(token=Secret("login-1"), lifetime=LIFETIME, stated=4.0)]
    await stage.source.token()
    await settle()
    stage.source.reject(old, PATH)
    assert (await stage.source.token()).value == Secret("login-3")


async def test_a_rejection_during_a_refresh_makes_the_flight_go_on_as_a_login(stage: Stage) -> None:
    bad = await stage.source.token()
    stage.clock.now = 96.0
    stage.desk.open.clear()
    await stage.source.token()
    await settle()
    stage.source.reject(bad, PATH)
    waiting = asyncio.create_task(stage.source.token())
    stage.desk.open.set()
    assert (await waiting).value == Secret("login-3")
    assert stage.desk.calls == ["login", "refresh", "login"]


async def test_a_rejection_during_a_refresh_that_is_throttled_still_logs_in(stage: Stage) -> None:
    bad = await stage.source.token()
    stage.clock.now = 96.0
    stage.desk.open.clear()
    stage.desk.refreshes = [no(Kind.THROTTLED, retry_after=300.0)]
    await stage.source.token()
    await settle()
    stage.source.reject(bad, PATH)
    stage.desk.open.set()
    await stage.source.token()
    assert stage.desk.calls == ["login", "refresh", "login"]


async def test_rejected_credentials_are_tried_once_in_half_an_hour(stage: Stage) -> None:
    stage.desk.logins = [no(Kind.FINAL)] * 9
    for second in range(0, 1800, 10):
        stage.clock.now = float(second)
        with pytest.raises(errors.TokenUnavailable):
            await stage.source.token()
    assert stage.desk.calls == ["login"]
    stage.clock.now = 1800.0
    with pytest.raises(errors.TokenUnavailable):
        await stage.source.token()
    assert stage.desk.calls == ["login", "login"]


async def test_a_refusal_names_cause_remedy_and_the_whole_seconds_left(stage: Stage) -> None:
    stage.desk.logins = [no(Kind.THROTTLED, retry_after=3.0)]
    with pytest.raises(errors.TokenUnavailable) as refusal:
        await stage.source.token()
    assert (refusal.value.detail, refusal.value.remedy, refusal.value.retry_after) == ("FinHub says no", "wait", 3)
    assert refusal.value.proxy_error == "destination_unavailable"
    assert [event.kind for event in stage.told if isinstance(event, events.MintFailed)] == ["login"]
    stage.clock.now = 2.5
    with pytest.raises(errors.TokenUnavailable) as refusal:
        await stage.source.token()
    assert refusal.value.retry_after == 1
    assert stage.desk.calls == ["login"]


async def test_a_transient_failure_heals_by_itself(stage: Stage) -> None:
    stage.desk.logins = [no(Kind.TRANSIENT)] * 5
    served_at = None
    for tenth in range(1000):
        stage.clock.now = tenth / 10
        try:
            await stage.source.token()
        except errors.TokenUnavailable:
            continue
        served_at = stage.clock.now
        break
    assert served_at == 31.0  # 1 + 2 + 4 + 8 + 16 with the longest jitter
    assert stage.desk.calls == ["login"] * 6


async def test_a_changed_secret_ends_blocked_at_once(stage: Stage) -> None:
    stage.desk.logins = [no(Kind.FINAL)]
    with pytest.raises(errors.TokenUnavailable):
        await stage.source.token()
    stage.source.changed(keeps_token=True)
    assert (await stage.source.token()).value == Secret("login-2")


async def test_a_secret_that_changes_during_the_login_gets_a_login_of_its_own(stage: Stage) -> None:
    stage.desk.open.clear()
    stage.desk.logins = [no(Kind.FINAL)]
    waiting = asyncio.create_task(stage.source.token())
    await settle()
    stage.source.changed(keeps_token=True)
    stage.desk.open.set()
    assert (await waiting).value == Secret("login-2")
    assert stage.source.session().word == "FRESH"


async def test_secrets_that_change_during_a_refresh_are_tried_once_not_twice(stage: Stage) -> None:
    await stage.source.token()
    stage.clock.now = 96.0
    stage.desk.open.clear()
    stage.desk.logins = [no(Kind.FINAL)] * 2
    await stage.source.token()
    await settle()
    stage.source.changed(keeps_token=True)
    stage.desk.open.set()
    await settle()
    assert stage.desk.calls == ["login", "refresh", "login"]
    assert stage.source.session().word == "BLOCKED"


async def test_another_user_never_gets_the_token_of_the_login_that_was_in_flight(stage: Stage) -> None:
    stage.desk.open.clear()
    waiting = asyncio.create_task(stage.source.token())
    await settle()
    stage.source.changed(keeps_token=False)
    stage.desk.open.set()
    assert (await waiting).value == Secret("login-2")


async def test_reauthenticate_is_a_full_login_while_the_old_token_serves(stage: Stage) -> None:
    old = await stage.source.token()
    stage.desk.open.clear()
    asked = asyncio.create_task(stage.source.reauthenticate())
    await settle()
    assert await stage.source.token() is old
    stage.desk.open.set()
    await asked
    assert (await stage.source.token()).value == Secret("login-2")
    assert stage.desk.calls == ["login", "login"]


async def test_reauthenticate_tells_what_a_caller_would_get(stage: Stage) -> None:
    stage.desk.logins = [no(Kind.TRANSIENT)]
    with pytest.raises(errors.TokenUnavailable):
        await stage.source.reauthenticate()


async def test_while_blocked_an_operators_word_counts_once_a_minute(stage: Stage) -> None:
    stage.desk.logins = [no(Kind.FINAL)] * 3
    with pytest.raises(errors.TokenUnavailable):
        await stage.source.token()
    with pytest.raises(errors.TokenUnavailable):
        await stage.source.reauthenticate()
    stage.clock.now = 30.5
    with pytest.raises(errors.TooSoon) as refusal:
        await stage.source.reauthenticate()
    assert (refusal.value.status, refusal.value.retry_after) == (429, 30)
    assert stage.desk.calls == ["login", "login"]
    stage.clock.now = 60.0
    with pytest.raises(errors.TokenUnavailable):
        await stage.source.reauthenticate()
    assert stage.desk.calls == ["login"] * 3


async def test_strikes_set_the_brake_and_an_accepted_request_lets_it_go(stage: Stage) -> None:
    for _ in range(3):
        bad = await stage.source.token()
        assert stage.source.reject(bad, PATH)
        stage.source.strike(await stage.source.token(), PATH)
    current = await stage.source.token()
    assert not stage.source.reject(current, PATH)
    assert await stage.source.token() is current
    stage.source.accept(current, PATH)
    assert stage.source.reject(current, PATH)


async def test_an_endpoint_that_refuses_every_token_is_braked_among_healthy_traffic(stage: Stage) -> None:
    for _ in range(80):
        token = await stage.source.token()
        if stage.source.reject(token, "GET /bad"):
            stage.source.strike(await stage.source.token(), "GET /bad")
        stage.source.accept(await stage.source.token(), "GET /good")
    assert stage.desk.calls == ["login"] * 4
    revoked = await stage.source.token()
    assert stage.source.reject(revoked, "GET /good")
    assert (await stage.source.token()).value != revoked.value


async def test_an_endpoint_that_was_braked_is_let_go_by_its_own_good_reply_alone(stage: Stage) -> None:
    for _ in range(3):
        token = await stage.source.token()
        assert stage.source.reject(token, "GET /bad")
        token = await stage.source.token()
        stage.source.strike(token, "GET /bad")
        stage.source.accept(token, "GET /good")
    assert not stage.source.reject(token, "GET /bad")
    stage.source.accept(token, "GET /good")
    assert not stage.source.reject(token, "GET /bad")
    stage.source.accept(token, "GET /bad")
    assert stage.source.reject(token, "GET /bad")


async def test_an_endpoint_that_fails_in_an_unforeseen_way_leaves_no_gate_closed_for_ever(stage: Stage) -> None:
    class Broken(Exception):
        pass

    async def broken() -> Exchange:
        raise Broken

    stage.desk.login = broken  # type: ignore[method-assign]  # the endpoint under test is this test's own
    with pytest.raises(errors.TokenUnavailable) as refusal:
        await stage.source.token()
    assert refusal.value.proxy_error == "proxy_internal_error"
    assert [event.kind for event in stage.told if isinstance(event, events.Bug)] == ["Broken"]
    assert stage.source.session().word == "COOLING"


async def test_an_eager_session_logs_in_and_renews_with_nobody_asking() -> None:
    stage = stage_of(eager=True)
    tending = asyncio.create_task(stage.source.tend())
    await settle()
    assert stage.desk.calls == ["login"]
    stage.clock.now = 96.0
    stage.source.accept(await stage.source.token(), PATH)
    await settle()
    assert stage.desk.calls == ["login", "refresh"]
    tending.cancel()
    await stage.source.close(logout=False)


async def test_a_lazy_session_waits_for_a_caller() -> None:
    stage = stage_of()
    tending = asyncio.create_task(stage.source.tend())
    await settle()
    assert stage.desk.calls == []
    tending.cancel()


async def test_an_eager_session_mints_again_when_its_token_is_rejected() -> None:
    stage = stage_of(eager=True)
    tending = asyncio.create_task(stage.source.tend())
    await settle()
    stage.source.reject(await stage.source.token(), PATH)
    await settle()
    assert stage.desk.calls == ["login", "login"]
    tending.cancel()
    await stage.source.close(logout=False)


async def test_logout_at_the_end_is_said_once_for_the_current_token(stage: Stage) -> None:
    await stage.source.token()
    await stage.source.close(logout=True)
    assert stage.desk.calls == ["login", "logout login-1"]


async def test_without_a_token_there_is_nothing_to_log_out(stage: Stage) -> None:
    await stage.source.close(logout=True)
    assert stage.desk.calls == []


async def test_the_shown_session_tells_word_instants_mints_and_the_last_failure(stage: Stage) -> None:
    assert stage.source.session().word == "EMPTY"
    stage.clock.now = 10.0
    await stage.source.token()
    shown = stage.source.session()
    assert (shown.word, shown.since, shown.expires_at, shown.renew_at) == ("FRESH", 10.0, 110.0, 105.0)
    assert (shown.logins, shown.refreshes, shown.failure) == (1, 0, None)
    assert (shown.window_at, shown.until) == (100.0, None)
    stage.clock.now = 106.0
    assert (stage.source.session().word, stage.source.session().since) == ("RENEWABLE", 105.0)
    stage.clock.now = 111.0
    assert (stage.source.session().word, stage.source.session().since) == ("EXPIRED", 110.0)


async def test_no_event_and_no_shown_session_holds_a_token(stage: Stage) -> None:
    bad = await stage.source.token()
    stage.source.reject(bad, PATH)
    await stage.source.token()
    told = f"{stage.told} {stage.source.session()}"
    assert "login-1" not in told
    assert "login-2" not in told


# ── after a sleep ───────────────────────────────────────────────────────────────────────────────────────────────

NO_NETWORK = Failure(kind=Kind.TRANSIENT, cause="dns_error", detail="the host name does not resolve", remedy="wait")


@pytest.fixture
async def asleep(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """A lazy session with a token, tended, on a machine that has slept far beyond the token's end."""
    monkeypatch.setattr("sidecar.session.source._NETWORK_PAUSE", 0.01)
    made = stage_of()
    await made.source.token()
    tending = asyncio.create_task(made.source.tend())
    await settle()
    made.clock.now = 8 * 3600.0
    made.desk.calls.clear()
    yield made
    tending.cancel()
    await asyncio.gather(tending, return_exceptions=True)
    await made.source.close(logout=False)


async def test_after_a_sleep_the_first_caller_waits_for_the_network(asleep: Stage) -> None:
    asleep.desk.logins = [NO_NETWORK, NO_NETWORK, NO_NETWORK]
    assert (await asleep.source.token()).value == Secret("login-4")
    assert asleep.desk.calls == ["login"] * 4
    assert [event for event in asleep.told if isinstance(event, events.MintFailed)] == []


async def test_it_does_not_wait_longer_than_a_caller_would(asleep: Stage) -> None:
    asleep.source.terms = replace(asleep.source.terms, wait=0.05)

    async def login() -> Exchange:
        asleep.desk.calls.append("login")
        asleep.clock.now += 0.02
        return Exchange(asleep.clock(), NO_NETWORK)

    asleep.desk.login = login  # type: ignore[method-assign]  # a network that never comes
    with pytest.raises(errors.TokenUnavailable, match="does not resolve"):
        await asleep.source.token()
    assert asleep.desk.calls == ["login"] * 2


@pytest.mark.parametrize(
    "failure",
    [
        no(Kind.FINAL, status=401),
        no(Kind.TRANSIENT, status=503),
        no(Kind.THROTTLED, status=429, retry_after=5.0),
        Failure(kind=Kind.TRANSIENT, cause="connection_terminated", detail="d", remedy="r"),
    ],
)
async def test_what_finhub_may_have_heard_is_not_said_again(asleep: Stage, failure: Failure) -> None:
    asleep.desk.logins = [failure]
    with pytest.raises(errors.TokenUnavailable):
        await asleep.source.token()
    assert asleep.desk.calls == ["login"]


async def test_awake_a_missing_network_is_told_at_once() -> None:
    made = stage_of()
    made.desk.logins = [NO_NETWORK]
    with pytest.raises(errors.TokenUnavailable, match="does not resolve"):
        await made.source.token()
    assert made.desk.calls == ["login"]
    await made.source.close(logout=False)


async def test_long_after_waking_a_missing_network_is_told_at_once(asleep: Stage) -> None:
    await asleep.source.token()
    asleep.clock.now += 14.0  # within a nap
    asleep.desk.logins = [NO_NETWORK] * 2
    asleep.source.changed(keeps_token=False)
    await asyncio.sleep(0.05)
    assert asleep.desk.calls == ["login"] * 4, "still waking"
    asleep.clock.now += 31.0
    asleep.source._nap_ends = asleep.clock()  # noqa: SLF001  # it napped on time
    asleep.desk.logins = [NO_NETWORK] * 2
    asleep.source.changed(keeps_token=False)
    await settle()
    assert asleep.desk.calls == ["login"] * 5


@pytest.mark.parametrize(("seconds", "calls"), [(20.0, 1), (10.0, 0)])
async def test_pauses_that_grew_before_a_sleep_do_not_hold_the_first_caller_up_after_it(
    seconds: float, calls: int
) -> None:
    """A train without a network, a short sleep in the bag, and the network is there."""
    made = stage_of()
    made.source._state = State(gate=Gate.COOLING, until=60.0, failure=NO_NETWORK, failures=8)  # noqa: SLF001  # as it was left
    tending = asyncio.create_task(made.source.tend())
    await settle()
    made.clock.now += seconds
    if calls:
        assert (await made.source.token()).value == Secret("login-1")
    else:
        with pytest.raises(errors.TokenUnavailable, match="does not resolve"):
            await made.source.token()
    assert len(made.desk.calls) == calls
    tending.cancel()
    await asyncio.gather(tending, return_exceptions=True)
    await made.source.close(logout=False)


async def test_an_eager_session_that_overslept_logs_in_by_itself_as_soon_as_there_is_a_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sidecar.session.source._NETWORK_PAUSE", 0.01)
    monkeypatch.setattr("sidecar.session.state.LONGEST_NAP", 0.05)
    made = stage_of(eager=True)
    tending = asyncio.create_task(made.source.tend())
    await made.source.token()
    made.desk.logins = [NO_NETWORK] * 3
    made.clock.now = 3600.0
    async with asyncio.timeout(5):
        while len(made.desk.calls) < 5:  # noqa: ASYNC110  # what is waited for is counted, not told
            await asyncio.sleep(0.01)
    assert made.desk.calls == ["login"] * 5
    assert [event for event in made.told if isinstance(event, events.MintFailed)] == []
    tending.cancel()
    await asyncio.gather(tending, return_exceptions=True)
    await made.source.close(logout=False)
