from __future__ import annotations

from typing import Any

import pytest
from told import PLAIN

from sidecar import events
from sidecar.observe.recent import KEPT, Recent
from sidecar.redact import Secret


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recent(clock: Clock) -> Recent:
    return Recent(clock)


def minted(**changes: Any) -> events.Minted:
    told: dict[str, Any] = {
        "tenant": "1",
        "kind": "login",
        "fingerprint": "ab12",
        "expires_in": 100.0,
        "renew_in": 90.0,
        "duration": 2.0,
    }
    return events.Minted(**{**told, **changes})


def test_an_event_is_kept_in_the_logs_words_with_its_time(recent: Recent) -> None:
    recent(events.Reloaded(what=("secrets", "CA")))
    (one,) = recent.told
    assert (one.at, one.level, one.words) == (1000.0, "info", "reloaded")
    assert one.members == {"what": "secrets, CA"}


def test_requests_are_left_out(recent: Recent) -> None:
    recent(PLAIN)
    assert list(recent.told) == []


def test_only_the_last_fifty_are_kept(recent: Recent, clock: Clock) -> None:
    for number in range(KEPT + 10):
        clock.now = float(number)
        recent(events.RefreshUnavailable(tenant="1", status=404))
    assert [one.at for one in recent.told] == [float(number) for number in range(10, KEPT + 10)]


def test_a_secret_that_lived_when_it_was_told_stays_out_when_it_has_gone(recent: Recent) -> None:
    secret = Secret("top-secret-password")
    recent(events.Caution(detail="found top-secret-password there", remedy=""))
    del secret
    assert recent.told[0].members == {"detail": "found [redacted] there"}


def test_what_forges_a_line_is_spelt_out(recent: Recent) -> None:
    recent(events.Caution(detail="a\nb\x1b[31m", remedy="r"))
    assert recent.told[0].members["detail"] == "a\\nb\\x1b[31m"


def test_when_the_token_was_minted_is_remembered_and_a_countdown_is_no_other_token(
    recent: Recent, clock: Clock
) -> None:
    assert recent.minted_at is None
    recent(minted())
    assert recent.minted_at == 998.0
    clock.now = 1100.0
    recent(minted(kind="unchanged"))
    assert recent.minted_at == 998.0
    recent(minted(kind="refresh", duration=1.0))
    assert recent.minted_at == 1099.0


def test_the_last_event_of_a_kind_is_told_as_long_as_it_is_young_enough(recent: Recent, clock: Clock) -> None:
    assert recent.last(events.Bug, 60.0) is None
    first, second = (events.Bug(request_id=name, kind="E", where="") for name in "ab")
    recent(first)
    recent(second)
    recent(minted())
    clock.now = 1060.0
    assert recent.last(events.Bug, 60.0) is second
    clock.now = 1060.1
    assert recent.last(events.Bug, 60.0) is None
