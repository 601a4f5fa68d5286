"""The session table against a second telling of it: the real source, the real endpoint, the real emulator, any order.

Source, endpoint and emulator live on one clock that only the rules push. After every rule the number of calls at the
token endpoint and the tokens issued must be the model's, to the one.
"""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from finhub import FakeClock
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from scale import scale
from session_model import BLOCKED_FOR, FIRST, HARMLESS, LIFETIME, LOGIN_FAULTS, LONGEST, MARGIN, REFRESH_FAULTS, Session

from sidecar import errors
from sidecar.emulator import Emulator, Settings
from sidecar.redact import Secret
from sidecar.session import dialect_file
from sidecar.session.endpoint import Desk, HttpTokenEndpoint
from sidecar.session.source import MintingSource, Terms
from sidecar.session.state import Patience
from sidecar.session.token import Schedule
from sidecar.wire.tls import Tls

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from sidecar.emulator.sessions import Session as Issued
    from sidecar.session.token import Token

_A_MOMENT = 0.001
_ENOUGH = 5.0  # real seconds: a caller never waits in vain here

HEALTHY = "GET /api/healthy"
ONE, TWO = "GET /api/one", "POST /api/two"
ENDPOINTS = st.sampled_from([ONE, TWO])
STORMS = ((ONE,), (TWO,), (ONE, TWO))

TERMS = Terms(
    tenant="1234567",
    schedule=Schedule(margin=MARGIN, default_lifetime=LIFETIME),
    patience=Patience(first=FIRST, max=LONGEST, blocked_for=BLOCKED_FOR),
    wait=_ENOUGH,
    eager=True,
)


@dataclass(slots=True)
class Stage:
    """One emulator for all examples, on a clock of its own."""

    runner: asyncio.Runner
    clock: FakeClock
    emulator: Emulator
    tls: Tls
    issued: list[Issued] = field(default_factory=list)
    met: Counter[str] = field(default_factory=Counter)

    def run(self, work: Awaitable[Any]) -> Any:
        async def do() -> Any:
            return await work

        return self.runner.run(do())


async def settled() -> None:
    """Return when no flight is under way."""
    while flights := [task for task in asyncio.all_tasks() if task.get_name() == "session-flight"]:
        await asyncio.wait(flights)


class SessionMachine(RuleBasedStateMachine):
    """Pushes source and model alike. `served`: serial → the token object that a caller got."""

    stage: ClassVar[Stage]

    def __init__(self) -> None:
        super().__init__()
        self.model = Session(now=self.stage.clock.time)
        self.served: dict[int, Token] = {}
        self.dropped: set[int] = set()
        self.stage.emulator.reset()
        self.behind = 0.0
        self.stage.issued.clear()
        self.endpoint = HttpTokenEndpoint(
            self._desk(),
            self._credentials(),
            clock=self.stage.clock,
            utc_now=lambda: 1_800_000_000.0 + self.stage.clock.time,
        )
        self.stage.run(self.endpoint.__aenter__())
        self.source = MintingSource(
            self.endpoint, TERMS, emit=lambda _: None, clock=self.stage.clock, jitter=lambda: self.model.jitter
        )

    def teardown(self) -> None:
        self.stage.run(self.source.close(logout=False))
        self.stage.run(self.endpoint.__aexit__())
        self.stage.emulator.advance(-self.behind)
        self.stage.met.update(self.model.met)

    def _desk(self) -> Desk:
        fields = (
            (b"Content-Type", b"application/json"),
            (b"sec-ch-ua-platform", b"Linux"),
            (b"X-Forwarded-For", b"127.0.0.1"),
            (b"User-Agent", b"Mozilla/5.0 (compatible; finhub-sidecar/0)"),
            (b"X-Tenant-ID", b"1234567"),
        )
        return Desk(
            origin=self.stage.emulator.url,
            dialect=dialect_file.load("production"),
            fields=lambda: fields,
            tls=lambda: self.stage.tls,
            connect=_ENOUGH,
            response=_ENOUGH,
        )

    def _credentials(self, password: Secret | None = None) -> dict[str, str | Secret | bool | None]:
        account = self.stage.emulator.account
        return {
            "username": account.username,
            "password": password or account.password,
            "customer_id": account.customer_id,
            "customer_secret": account.customer_secret,
            "account_type": "b2b",
            "grant_type": "password",
        }

    # ── what callers do ─────────────────────────────────────────────────────────────────────────────────────

    @rule(callers=st.integers(1, 4))
    def ask(self, callers: int) -> None:
        answers = self.stage.run(self._ask(callers))
        expected = self.model.ask()
        for answer in answers:
            self._check(answer, expected)

    async def _ask(self, callers: int) -> list[Token | errors.TokenUnavailable]:
        got = await asyncio.gather(*(self.source.token() for _ in range(callers)), return_exceptions=True)
        await settled()
        return [self._plain(each) for each in got]

    def _plain(self, got: Token | BaseException) -> Token | errors.TokenUnavailable:
        if isinstance(got, BaseException) and not isinstance(got, errors.TokenUnavailable):
            raise got
        return got

    def _check(self, answer: Token | errors.TokenUnavailable, expected: int | None) -> None:
        if isinstance(answer, errors.TokenUnavailable):
            assert expected is None, f"refused, where token {expected} was to be served"
            assert answer.retry_after == max(1, math.ceil(self.model.until - self.model.now))
            return
        serial = self._serial(answer)
        assert serial == expected
        assert self.model.now < answer.expires_at
        assert serial not in self.dropped, "a rejected token was served again"
        self.served[serial] = answer

    def _serial(self, token: Token) -> int:
        values = [each.token for each in self.stage.issued]
        return values.index(token.value) + 1

    @precondition(lambda self: self.served)
    @rule(data=st.data(), endpoint=ENDPOINTS)
    def reject(self, data: st.DataObject, endpoint: str) -> None:
        self._refused(self._one_of_the_served(data), endpoint)

    @precondition(lambda self: self.served)
    @rule(data=st.data(), endpoint=ENDPOINTS)
    def strike(self, data: st.DataObject, endpoint: str) -> None:
        serial = self._one_of_the_served(data)
        self.source.strike(self.served[serial], endpoint)
        self.model.strike(serial, endpoint)

    @precondition(lambda self: self.served)
    @rule(data=st.data(), endpoint=ENDPOINTS)
    def accept(self, data: st.DataObject, endpoint: str) -> None:
        serial = self._one_of_the_served(data)
        self.source.accept(self.served[serial], endpoint)
        self.model.accept(serial, endpoint)

    @rule(rounds=st.integers(4, 6), endpoints=st.sampled_from(STORMS), mixed=st.booleans())
    def storm(self, rounds: int, endpoints: tuple[str, ...], mixed: bool) -> None:  # noqa: FBT001  # hypothesis passes by name
        """Endpoints say 401 to everything, a request and its replay each round; `mixed`: another one does not."""
        for endpoint in (endpoints * rounds)[:rounds]:
            serial = self._served_now()
            if not serial or not self._refused(serial, endpoint):
                return
            serial = self._served_now()
            if serial:
                self.source.strike(self.served[serial], endpoint)
                self.model.strike(serial, endpoint)
            if serial and mixed:
                self.source.accept(self.served[serial], HEALTHY)
                self.model.accept(serial, HEALTHY)

    def _served_now(self) -> int:
        """Ask, and return the serial of what came, 0 for a refusal."""
        self.ask(1)
        serial = 0 if self.model.token is None else self.model.token.serial
        return serial if serial in self.served else 0

    def _refused(self, serial: int, endpoint: str) -> bool:
        current = self.model.token is not None and self.model.token.serial == serial
        may_ask = self.source.reject(self.served[serial], endpoint)
        assert may_ask == self.model.reject(serial, endpoint)
        if may_ask and current:
            self.dropped.add(serial)
        return may_ask

    def accept_now(self) -> None:
        """Let every endpoint answer well once."""
        serial = self._served_now()
        for endpoint in (HEALTHY, ONE, TWO):
            self.source.accept(self.served[serial], endpoint)
            self.model.accept(serial, endpoint)

    def _one_of_the_served(self, data: st.DataObject) -> int:
        """Return a serial, the newest more often than not."""
        serials = sorted(self.served, reverse=True)
        return data.draw(st.sampled_from([*serials[:1], *serials[:1], *serials[:6]]))

    # ── what the program and its operator do ────────────────────────────────────────────────────────────────

    @rule()
    def tend(self) -> None:
        self.stage.run(self._tend())
        self.model.tend()

    async def _tend(self) -> None:
        tending = asyncio.create_task(self.source.tend())
        for _ in range(3):
            await asyncio.sleep(0)
        await settled()
        tending.cancel()
        await asyncio.wait({tending})

    @rule(keeps_token=st.booleans())
    def change(self, keeps_token: bool) -> None:  # noqa: FBT001  # hypothesis passes by name
        self.stage.run(self._change(keeps_token=keeps_token))
        self.model.change(keeps_token=keeps_token)

    async def _change(self, *, keeps_token: bool) -> None:
        self.source.changed(keeps_token=keeps_token)
        await settled()

    @precondition(lambda self: self.model.gate_now == "open")
    @rule(keeps_token=st.booleans(), faults=st.lists(st.sampled_from([HARMLESS, *sorted(LOGIN_FAULTS)]), max_size=2))
    def change_in_flight(self, keeps_token: bool, faults: list[str]) -> None:  # noqa: FBT001  # as above
        """Let something change while a token is renewed, or got where there is none."""
        if self.model.phase == "live":
            self.advance_to_renewal(_A_MOMENT)
        for spec in faults:
            self.login_fault(spec)
        self.stage.run(self._change_in_flight(keeps_token=keeps_token))
        self.model.change_in_flight(keeps_token=keeps_token)

    @precondition(lambda self: self.model.gate_now == "open" and self.model.phase in {"live", "due"})
    @rule(endpoint=ENDPOINTS)
    def reject_in_flight(self, endpoint: str) -> None:
        """Let FinHub refuse the token while it is renewed."""
        if self.model.phase == "live":
            self.ask(1)
            self.advance_to_renewal(_A_MOMENT)
        serial = 0 if self.model.token is None else self.model.token.serial
        if serial not in self.served:
            return
        may_ask = self.stage.run(self._reject_in_flight(self.served[serial], endpoint))
        assert may_ask == self.model.reject_in_flight(serial, endpoint)
        if may_ask:
            self.dropped.add(serial)

    async def _reject_in_flight(self, token: Token, endpoint: str) -> bool:
        await self.source.token()
        for _ in range(3):
            await asyncio.sleep(0)
        may_ask = self.source.reject(token, endpoint)
        await settled()
        return may_ask

    async def _change_in_flight(self, *, keeps_token: bool) -> None:
        asking = asyncio.create_task(self.source.token())
        for _ in range(3):
            await asyncio.sleep(0)
        await self._change(keeps_token=keeps_token)
        self._plain((await asyncio.gather(asking, return_exceptions=True))[0])

    @rule()
    def reauthenticate(self) -> None:
        assert self.stage.run(self._reauthenticate()) == self.model.operator()

    async def _reauthenticate(self) -> str:
        try:
            await self.source.reauthenticate()
        except errors.TooSoon:
            return "too soon"
        except errors.TokenUnavailable:
            return "unavailable"
        return "done"

    @rule(right=st.booleans())
    def set_password(self, right: bool) -> None:  # noqa: FBT001  # as above
        self.endpoint.credentials = self._credentials(None if right else Secret("the-wrong-password"))
        self.model.finhub.right = right
        self.change(keeps_token=True)

    # ── what FinHub and the world do ────────────────────────────────────────────────────────────────────────

    @rule()
    def change_password_at_finhub(self) -> None:
        self.stage.emulator.accept(password=f"password-{time.monotonic_ns()}")
        self.model.finhub.right = False

    @rule()
    def revoke(self) -> None:
        self.stage.emulator.revoke()
        self.model.finhub.alive.clear()

    @rule()
    def expire(self) -> None:
        self.stage.emulator.expire()
        now = self.model.now + self.model.finhub.ahead
        self.model.finhub.alive = {serial: min(end, now) for serial, end in self.model.finhub.alive.items()}

    @rule(spec=st.sampled_from(sorted(LOGIN_FAULTS)))
    def login_fault(self, spec: str) -> None:
        self.stage.emulator.fault(f"login:{spec},times=1")
        self.model.finhub.login_faults.append(spec)

    @rule(spec=st.sampled_from(sorted(REFRESH_FAULTS)))
    def refresh_fault(self, spec: str) -> None:
        self.stage.emulator.fault(f"refresh:{spec},times=1")
        self.model.finhub.refresh_faults.append(spec)

    @rule(seconds=st.sampled_from([-500.0, -300.0, -30.0, 30.0]))
    def finhubs_clock_jumps(self, seconds: float) -> None:
        self.stage.emulator.advance(seconds)
        self.behind += seconds
        self.model.finhub.ahead += seconds

    @rule(jitter=st.sampled_from([0.0, 0.25, 0.999]))
    def chance(self, jitter: float) -> None:
        self.model.jitter = jitter

    @rule(seconds=st.sampled_from([0.5, 1.0, 20.0, 59.0, 61.0, 600.0]))
    def advance(self, seconds: float) -> None:
        self._push(seconds)

    @precondition(lambda self: self.model.phase == "live")
    @rule(offset=st.sampled_from([-_A_MOMENT, _A_MOMENT]))
    def advance_to_renewal(self, offset: float) -> None:
        """Go to just before or just after the instant that matters."""
        if self.model.token is not None:
            self._push(self.model.token.renew_at + offset - self.model.now)

    @precondition(lambda self: self.model.phase == "live")
    @rule(trouble=st.sampled_from(["", "", "revoked", "expired", "slow clock", *sorted(REFRESH_FAULTS)]))
    def renew(self, trouble: str) -> None:
        """Ask as soon as the token is due, with something wrong at FinHub."""
        self.advance_to_renewal(_A_MOMENT)
        if trouble in {"revoked", "expired"}:
            (self.revoke if trouble == "revoked" else self.expire)()
        elif trouble == "slow clock":
            self.finhubs_clock_jumps(-300.0)
        elif trouble:
            self.refresh_fault(trouble)
        self.ask(1)

    @precondition(lambda self: self.model.phase in {"live", "due"})
    @rule(offset=st.sampled_from([-_A_MOMENT, _A_MOMENT]))
    def advance_to_death(self, offset: float) -> None:
        if self.model.token is not None:
            self._push(self.model.token.expires_at + offset - self.model.now)

    @precondition(lambda self: self.model.gate_now != "open")
    @rule(offset=st.sampled_from([-_A_MOMENT, _A_MOMENT]))
    def advance_to_opening(self, offset: float) -> None:
        self._push(self.model.until + offset - self.model.now)

    def _push(self, seconds: float) -> None:
        if seconds > 0:
            self.stage.clock.time += seconds
            self.model.now = self.stage.clock.time

    # ── what holds after every rule ─────────────────────────────────────────────────────────────────────────

    @invariant()
    def every_call_of_the_token_endpoint_was_foreseen(self) -> None:
        counts, finhub = self.stage.emulator.counts, self.model.finhub
        assert (counts.login_attempts, counts.refresh_attempts) == (finhub.logins, finhub.refreshes)
        assert len(self.stage.issued) == finhub.issued

    @invariant()
    def nothing_is_refreshed_before_the_last_tenth(self) -> None:
        assert self.model.met["refresh early"] == 0

    @invariant()
    def status_shows_what_the_model_says(self) -> None:
        words = {"none": "EMPTY", "live": "FRESH", "due": "RENEWABLE", "dead": "EXPIRED"}
        gate = self.model.gate_now
        shown = self.source.session()
        assert shown.word == (words[self.model.phase] if gate == "open" else gate.upper())
        token = self.model.token
        assert shown.expires_at == (None if token is None else token.expires_at)
        assert shown.renew_at == (None if token is None else pytest.approx(token.renew_at, abs=_A_MOMENT / 10))


EVERYTHING = {
    *(f"{gate}, {phase}" for gate in ("open", "cooling", "blocked") for phase in ("none", "live", "due", "dead")),
    *(f"login {verdict}" for verdict in ("issued", "final", "throttled", "transient")),
    *(f"refresh {verdict}" for verdict in ("issued", "unchanged", "final", "throttled", "transient", "unsupported")),
    *("tended", "changed in flight", "changed during a refresh", "rejected in flight"),
    *("late 401", "braked by the session", "braked by the endpoint", "too soon"),
}

Stop = tuple[str, dict[str, Any]]


def tour() -> Iterator[Stop]:
    """Yield rules in an order that goes through every cell of the tables."""
    ask: Stop = ("ask", {"callers": 2})
    due: Stop = ("advance_to_renewal", {"offset": _A_MOMENT})
    dead: Stop = ("advance_to_death", {"offset": _A_MOMENT})
    healthy: tuple[Stop, ...] = (("set_password", {"right": True}), ask)
    yield from (ask, ask, due, ask, ("chance", {"jitter": 0.999}), due, ask)
    for trouble in ("slow clock", "revoked", "expired", "status=500", "cut=10"):
        yield from (("renew", {"trouble": trouble}), ask)
    yield "finhubs_clock_jumps", {"seconds": 300.0}
    yield from (*healthy, ("renew", {"trouble": "status=429,retry_after=120"}), ask, dead, ask)
    for fault in ("status=500", "status=429,retry_after=120"):
        spoil: Stop = ("login_fault", {"spec": fault})
        yield from (spoil, ("change", {"keeps_token": True}), ask, due, ask, *healthy)
        yield from (spoil, ("change", {"keeps_token": False}), ask, *healthy)
        yield from (dead, spoil, ask, ask, *healthy)
    yield from (("advance", {"seconds": 20.0}), ("set_password", {"right": False}), ask, due, ask, dead, ask)
    yield from (("reauthenticate", {}), ("reauthenticate", {}), ("change", {"keeps_token": False}), ask, *healthy)
    yield from (dead, ("tend", {}), dead, ("change_in_flight", {"keeps_token": True, "faults": []}))
    yield from (due, ("change_in_flight", {"keeps_token": False, "faults": []}), ask)
    yield from (dead, ("change_in_flight", {"keeps_token": False, "faults": [HARMLESS, "status=403"]}), ask, *healthy)
    yield from (("reject_in_flight", {"endpoint": HEALTHY}), ask)
    yield "_refused", {"serial": 1, "endpoint": HEALTHY}
    for endpoints, mixed in (((ONE,), True), ((ONE, TWO), False)):
        yield from (("advance", {"seconds": 61.0}), *healthy, ("accept_now", {}))
        yield "storm", {"rounds": 5, "endpoints": endpoints, "mixed": mixed}
    yield from (("advance", {"seconds": 61.0}), *healthy, ("renew", {"trouble": "status=404"}), due, ask)


async def _put_up(stage: Stage, folder: Path) -> None:
    await stage.emulator.start()
    await stage.emulator.write(folder)
    context = ssl.create_default_context(cadata=stage.emulator.certificates.ca_pem.decode())
    context.load_cert_chain(folder / "client.crt", folder / "client.key")
    stage.tls = Tls(context=context, presented=True)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    clock = FakeClock()
    issued: list[Issued] = []
    emulator = Emulator(Settings(token_calls=0), clock=clock, issued=issued.append)
    with asyncio.Runner() as runner:
        put_up = Stage(runner, clock, emulator, Tls(context=None, presented=False), issued)
        put_up.run(_put_up(put_up, tmp_path_factory.mktemp("finhub")))
        SessionMachine.stage = put_up
        yield put_up
        put_up.run(emulator.stop())


def test_the_source_does_what_the_tables_say_in_every_cell_of_them(
    stage: Stage, figures: Callable[[str], None]
) -> None:
    machine = SessionMachine()
    try:
        for name, arguments in tour():
            getattr(machine, name)(**arguments)
            machine.every_call_of_the_token_endpoint_was_foreseen()
            machine.nothing_is_refreshed_before_the_last_tenth()
            machine.status_shows_what_the_model_says()
    finally:
        machine.teardown()
    assert EVERYTHING - set(stage.met) == set(), "a cell was never visited: this proves less than it says"
    figures(f"one tour: all {len(EVERYTHING)} cells of the tables")


def test_the_source_does_what_the_tables_say_in_any_order_of_events(
    stage: Stage, figures: Callable[[str], None]
) -> None:
    before = stage.met.copy()
    run_state_machine_as_test(
        SessionMachine,
        settings=settings(max_examples=80 * scale(), stateful_step_count=50, deadline=None, report_multiple_bugs=False),
    )
    visits = {cell: stage.met[cell] - before[cell] for cell in EVERYTHING if stage.met[cell] > before[cell]}
    told = f"in any order: {sum(visits.values()):,} visits to {len(visits)} of {len(EVERYTHING)} cells"
    figures(f"{told}, 0 disagreements")
