from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from made import DAY, make

from sidecar import errors, events
from sidecar.app import oncall
from sidecar.app.oncall import OnCall, Seen
from sidecar.observe.metrics import Metrics, Totals
from sidecar.session.answer import Failure, Kind
from sidecar.session.source import Session
from sidecar.tls.identity import IdentityBytes, parse


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


NOON = 1_800_014_400.0


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(1000.0)
    monkeypatch.setattr(oncall, "steady", clock)
    monkeypatch.setattr(oncall, "utc_now", lambda: clock.now - 1000.0 + NOON)
    return clock


class Counted(Metrics):
    """Metrics that know how often they were asked."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0

    def totals(self) -> Totals:
        self.read += 1
        return super().totals()

    def requests(self, number: int, **changes: Any) -> None:
        """Count so many requests."""
        told: dict[str, Any] = {
            "request_id": "x",
            "method": "GET",
            "path": "/",
            "status": 200,
            "upstream_status": 200,
            "source": "upstream",
            "reason": "",
            "rule": "",
            "duration": 0.001,
            "session_wait": 0.0,
            "upstream_duration": 0.0,
            "received": 0,
            "sent": 0,
            "attempts": 1,
            "replay": "",
            "outcome": "complete",
        }
        for _ in range(number):
            self(events.Forwarded(**{**told, **changes}))


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def on_call(counted: Counted, steady: Clock) -> OnCall:
    return OnCall(counted)


def session(**changes: Any) -> Session:
    well = Session(
        word="FRESH",
        since=990.0,
        expires_at=1600.0,
        renew_at=1550.0,
        logins=1,
        refreshes=0,
        failure=None,
        window_at=1540.0,
    )
    return replace(well, **changes)


def seen(**changes: Any) -> Seen:
    well: dict[str, Any] = {
        "session": session(),
        "lazy": False,
        "identity": None,
        "draining": False,
        "waiting": 0,
        "most": 10,
        "broken": None,
    }
    return Seen(**{**well, **changes})


def words(on_call: OnCall, **changes: Any) -> str:
    return " / ".join(problem["what"] for problem in on_call.problems(seen(**changes)))


async def sampled(on_call: OnCall, counted: Counted, times: int) -> None:
    """Let it sample so often, at once; the clock stands still meanwhile, so it would wait for long."""
    watching = asyncio.create_task(on_call.watch())
    while counted.read < times:  # noqa: ASYNC110  # what is waited for is counted, not told
        await asyncio.sleep(0)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


def test_where_all_is_well_there_is_no_problem(on_call: OnCall) -> None:
    assert on_call.problems(seen()) == []


async def test_what_was_sampled_is_shown_and_judged(on_call: OnCall, counted: Counted, steady: Clock) -> None:
    await sampled(on_call, counted, 1)
    steady.now = 1010.0
    counted.requests(10, status=503)
    await sampled(on_call, counted, 2)
    (slot,) = on_call.history(session(), None)["slots"]
    assert (slot["requests"], slot["upstream_errors"], slot["p50"]) == (10, 10, 0.0025)
    assert "10 of 10 requests" in words(on_call)


async def test_why_requests_failed_is_judged_over_the_last_minutes(
    on_call: OnCall, counted: Counted, steady: Clock
) -> None:
    counted.requests(500, status=504, source="sidecar", reason="connection_timeout")
    await sampled(on_call, counted, 1)
    steady.now = 1010.0
    counted.requests(9, status=502, source="sidecar", reason="dns_error")
    counted.requests(2, status=504, source="sidecar", reason="connection_timeout")
    await sampled(on_call, counted, 2)
    assert "11 of 11 requests of the last 5 minutes failed on the way to FinHub, mostly" in words(on_call)
    assert "(dns_error)" in words(on_call)


async def test_it_samples_again_by_itself_when_a_slot_is_over(on_call: OnCall, counted: Counted, steady: Clock) -> None:
    steady.now = 1009.99
    watching = asyncio.create_task(on_call.watch())
    async with asyncio.timeout(5):
        while counted.read < 2:  # noqa: ASYNC110  # what is waited for is counted, not told
            await asyncio.sleep(0.001)
    watching.cancel()


def test_the_history_holds_the_time_the_tokens_life_and_the_events(on_call: OnCall) -> None:
    minted = {"tenant": "1", "kind": "login", "fingerprint": "a", "expires_in": 600.0, "renew_in": 500.0}
    on_call.recent(events.Minted(**minted, duration=2.0))  # type: ignore[arg-type]  # a table of both kinds
    shown = on_call.history(session(), on_call.recent.minted_at)
    assert set(shown) == {"now", "slot_seconds", "session", "slots", "events"}
    assert shown["now"] == "2027-01-15T12:00:00.000Z"
    assert shown["session"] == {
        "minted_at": "2027-01-15T11:59:58.000Z",
        "window_at": "2027-01-15T12:09:00.000Z",
        "tries_at": None,
    }
    assert [event["event"] for event in shown["events"]] == ["session minted"]


def test_a_token_whose_time_is_over_serves_nobody(on_call: OnCall, steady: Clock) -> None:
    steady.now = 1600.0
    assert "no valid FinHub session" in words(on_call, session=session(word="EXPIRED", since=1570.0))


def test_the_next_try_is_told_on_the_wall_clock(on_call: OnCall) -> None:
    failure = Failure(kind=Kind.FINAL, cause="proxy_configuration_error", detail="no", remedy="r", status=401)
    blocked = session(word="BLOCKED", expires_at=None, renew_at=None, window_at=None, failure=failure, until=2800.0)
    assert "tried again at 12:30:00 UTC" in words(on_call, session=blocked)


def test_the_certificates_days_are_counted_from_now(on_call: OnCall) -> None:
    noon = dt.datetime.fromtimestamp(NOON, dt.UTC)
    one = make("shop", begin=noon - DAY, end=noon + 3 * DAY + dt.timedelta(hours=1))
    raw = IdentityBytes(certificate=one.certificate_pem, key=one.key_pem)
    assert "expires in 3 days" in words(on_call, identity=parse(raw, None, noon))


def test_what_the_assembly_sees_is_judged(on_call: OnCall) -> None:
    assert "going down" in words(on_call, draining=True)
    assert "All 10 connections" in words(on_call, waiting=1)
    assert "is empty" in words(on_call, broken=errors.SecretError("credentials.password is empty"))
    assert "disk is full" in words(on_call, audit="the disk is full")
    assert "all get 503: it is full" in words(on_call, barred="it is full")
    assert "has ended" in words(on_call, works=False)


def test_what_happened_a_moment_ago_is_judged(on_call: OnCall) -> None:
    on_call.recent(events.TokenRejected(tenant="1", fingerprint="a", braked=False))
    assert words(on_call) == ""
    on_call.recent(events.TokenRejected(tenant="1", fingerprint="a", braked=True))
    on_call.recent(events.Bug(request_id="", kind="KeyError", where="here"))
    assert ("storm brake" in words(on_call), "KeyError" in words(on_call)) == (True, True)
