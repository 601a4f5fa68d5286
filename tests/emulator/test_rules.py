from __future__ import annotations

import json

import pytest

from sidecar.emulator.answers import FinHubError
from sidecar.emulator.rules import LOCKED_FOR, Lockout, RateLimit, judge

RIGHT = {"username": "ann", "password": "right"}
WRONG = {"username": "ann", "password": "wrong"}


def rejected(lockout: Lockout, said: dict[str, str], now: float) -> dict[str, object]:
    with pytest.raises(FinHubError) as raised:
        judge(lockout, said, RIGHT, now)
    assert raised.value.answer.status == 401
    data: dict[str, object] = json.loads(raised.value.answer.body)["data"]
    return data


def test_the_right_credentials_pass() -> None:
    judge(Lockout(), RIGHT, RIGHT, 0.0)


def test_a_rejection_counts_the_attempts() -> None:
    lockout = Lockout()
    assert [rejected(lockout, WRONG, 0.0)["attempts"] for _ in range(4)] == [1, 2, 3, 4]
    assert rejected(Lockout(), WRONG, 0.0)["maxAttempts"] == 5


def test_the_fifth_failure_locks_the_account_for_everybody_for_half_an_hour() -> None:
    lockout = Lockout()
    for _ in range(4):
        rejected(lockout, WRONG, 0.0)
    assert rejected(lockout, WRONG, 0.0)["errorType"] == "ACCOUNT_LOCKED"
    assert rejected(lockout, RIGHT, LOCKED_FOR - 0.5) == {
        "message": "The account is locked after too many failed logins",
        "errorType": "ACCOUNT_LOCKED",
        "attempts": 5,
        "maxAttempts": 5,
        "lockoutTime": 1,
    }
    judge(lockout, RIGHT, RIGHT, LOCKED_FOR)


def test_a_login_that_is_right_forgets_the_failures_before() -> None:
    lockout = Lockout()
    for _ in range(4):
        rejected(lockout, WRONG, 0.0)
    judge(lockout, RIGHT, RIGHT, 0.0)
    assert rejected(lockout, WRONG, 0.0)["attempts"] == 1


def test_after_the_lock_the_count_begins_anew() -> None:
    lockout = Lockout()
    lockout.lock(0.0)
    assert rejected(lockout, WRONG, LOCKED_FOR)["attempts"] == 1


def test_so_many_calls_a_minute_and_then_429_with_the_seconds_to_wait() -> None:
    limit = RateLimit(2)
    limit.admit(0.0)
    limit.admit(10.0)
    with pytest.raises(FinHubError) as raised:
        limit.admit(56.5)
    assert raised.value.answer.status == 429
    assert ("Retry-After", "4") in raised.value.answer.fields
    limit.admit(60.0)
    with pytest.raises(FinHubError):
        limit.admit(60.0)


def test_a_limit_of_nought_is_none() -> None:
    limit = RateLimit(0)
    for _ in range(1000):
        limit.admit(0.0)
