from __future__ import annotations

from dataclasses import dataclass

from sidecar.app import past
from sidecar.app.status import rfc3339
from sidecar.observe.history import History
from sidecar.observe.recent import Told
from sidecar.session.source import Session

NOON = 1_800_014_400.0


@dataclass(frozen=True)
class Totals:
    requests: int = 0
    upstream_errors: int = 0
    sidecar_errors: int = 0
    refused: int = 0
    replays: int = 0
    mints: int = 0
    mints_failed: int = 0
    seconds: tuple[int, ...] = (0, 0, 0)


def session(**changes: float | None) -> Session:
    return Session(
        word="FRESH",
        since=0.0,
        expires_at=changes.get("expires_at", 1600.0),
        renew_at=None,
        logins=0,
        refreshes=0,
        failure=None,
        window_at=changes.get("window_at", 1500.0),
        until=changes.get("until"),
    )


def test_a_slot_is_shown_by_when_it_began_its_counts_and_its_latency() -> None:
    history = History((0.1, 0.2))
    history.sample(1000.0, Totals())
    history.sample(1010.0, Totals(requests=3, upstream_errors=1, mints=2, seconds=(0, 3, 0)))
    history.sample(1020.0, Totals(requests=3, upstream_errors=1, mints=2, seconds=(0, 3, 0)))
    busy, idle = past.slots(history, steady_now=1030.0, utc_now=NOON)
    assert busy == {
        "at": rfc3339(NOON - 30),
        "requests": 3,
        "upstream_errors": 1,
        "sidecar_errors": 0,
        "refused": 0,
        "replays": 0,
        "mints": 2,
        "mints_failed": 0,
        "p50": 0.15,
        "p99": 0.199,
    }
    assert (idle["at"], idle["requests"], idle["p50"], idle["p99"]) == (rfc3339(NOON - 20), 0, None, None)


def test_an_event_is_shown_with_its_time_in_the_logs_words() -> None:
    told = Told(NOON, "info", "reloaded", {"what": "secrets"})
    assert past.events([told]) == [
        {"at": "2027-01-15T12:00:00.000Z", "level": "info", "event": "reloaded", "members": {"what": "secrets"}}
    ]


def test_the_tokens_life_is_shown_on_the_wall_clock() -> None:
    assert past.life(session(), NOON - 900, steady_now=1000.0, utc_now=NOON) == {
        "minted_at": rfc3339(NOON - 900),
        "window_at": rfc3339(NOON + 500),
        "tries_at": None,
    }


def test_without_a_token_there_is_no_life_but_perhaps_a_next_try() -> None:
    shown = session(expires_at=None, window_at=None, until=1024.0)
    assert past.life(shown, NOON - 900, steady_now=1000.0, utc_now=NOON) == {
        "minted_at": None,
        "window_at": None,
        "tries_at": rfc3339(NOON + 24),
    }


def test_it_says_when_it_was_read() -> None:
    assert past.heading(NOON) == {"now": "2027-01-15T12:00:00.000Z", "slot_seconds": 10.0}
