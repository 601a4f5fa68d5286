"""When a token lives, when it is due, and what a refresh makes of it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.redact import Secret
from sidecar.session.answer import Grant
from sidecar.session.token import Schedule, Token, is_unchanged, issue, renew_at, renewed

PRODUCTION = Schedule(margin=60.0, default_lifetime=1800.0)


def grant(value: str | None = "tok-1", lifetime: float | None = 1800.0, **more: object) -> Grant:
    return Grant(token=None if value is None else Secret(value), lifetime=lifetime, **more)  # type: ignore[arg-type]  # keywords are spelt out by each test


@pytest.mark.parametrize(("jitter", "before_the_end"), [(0.0, 60.0), (0.999999, 168.0)])
def test_in_production_a_token_is_renewed_60_to_168_seconds_before_its_end(
    jitter: float, before_the_end: float
) -> None:
    token = issue(grant(), 1000.0, PRODUCTION, jitter)
    assert token.expires_at == 2800.0
    assert token.expires_at - token.renew_at == pytest.approx(before_the_end, abs=0.001)


@pytest.mark.parametrize(("jitter", "before_the_end"), [(0.0, 0.5), (0.999999, 0.95)])
def test_a_ten_second_token_is_renewed_half_to_nearly_one_second_before_its_end(
    jitter: float, before_the_end: float
) -> None:
    token = issue(grant(lifetime=10.0), 0.0, PRODUCTION, jitter)
    assert token.expires_at - token.renew_at == pytest.approx(before_the_end, abs=0.001)


@given(
    st.floats(0.01, 1e6),
    st.floats(1, 1e5),
    st.floats(0, 1, exclude_max=True),
)
def test_a_renewal_always_falls_into_the_last_tenth(lifetime: float, margin: float, jitter: float) -> None:
    window = lifetime / 10
    at = renew_at(lifetime, window, margin, jitter)
    assert lifetime - window <= at < lifetime


def test_a_grant_without_a_lifetime_lives_as_long_as_the_environment_says() -> None:
    assert issue(grant(lifetime=None), 5.0, PRODUCTION, 0.0).expires_at == 1805.0


def test_a_lifetime_counts_from_the_sending_of_the_request() -> None:
    assert issue(grant(lifetime=100.0), 7.0, PRODUCTION, 0.0).expires_at == 107.0


def test_a_token_shows_neither_itself_nor_its_authorization() -> None:
    token = issue(grant("very-secret-token"), 0.0, PRODUCTION, 0.0)
    assert token.authorization == b"Bearer very-secret-token"
    assert "very-secret-token" not in repr(token)


def test_a_login_without_a_token_is_a_mistake_of_the_dialect() -> None:
    with pytest.raises(ValueError, match="always holds a token"):
        issue(grant(None), 0.0, PRODUCTION, 0.0)


def current(**more: object) -> Token:
    return issue(
        grant("tok-1", 1800.0, refresh_token=Secret("ref-1"), internal_token_key=Secret("key-1"), session_id="s-1"),
        0.0,
        PRODUCTION,
        0.0,
    )


def test_a_new_token_with_a_new_validity_starts_a_new_life() -> None:
    token = renewed(current(), grant("tok-2", 1800.0), 1700.0, PRODUCTION, 0.0)
    assert token is not None
    assert (token.value.reveal(), token.expires_at, token.window) == ("tok-2", 3500.0, 180.0)


def test_what_a_refresh_leaves_out_is_kept() -> None:
    token = renewed(current(), grant("tok-2", 1800.0), 1700.0, PRODUCTION, 0.0)
    assert token is not None
    assert (token.refresh_token, token.internal_token_key, token.session_id) == (
        Secret("ref-1"),
        Secret("key-1"),
        "s-1",
    )


def test_what_a_refresh_brings_replaces_what_was() -> None:
    token = renewed(current(), grant("tok-2", 1800.0, session_id="s-2"), 1700.0, PRODUCTION, 0.0)
    assert token is not None
    assert token.session_id == "s-2"


def test_the_same_token_is_counted_down_from_the_reply_and_asked_for_at_half() -> None:
    token = renewed(current(), grant("tok-1", 100.0, stated=100.0), 1700.0, PRODUCTION, 0.0)
    assert token is not None
    assert (token.expires_at, token.renew_at, token.window) == (1800.0, 1750.0, 180.0)


def test_the_full_lifetime_in_an_old_tokens_claims_does_not_prolong_it() -> None:
    token = renewed(current(), grant("tok-1", 1800.0), 1700.0, PRODUCTION, 0.0)
    assert token is not None
    assert token.expires_at == 1800.0


def test_the_same_token_with_a_full_validity_stated_is_asked_for_inside_its_window_again() -> None:
    token = renewed(current(), grant("tok-1", 1800.0, stated=1800.0), 1700.0, PRODUCTION, 0.0)
    assert token is not None
    assert (token.expires_at, token.renew_at) == (3500.0, 3440.0)


def test_a_validity_without_a_token_is_an_unchanged_one() -> None:
    token = renewed(current(), grant(None, 90.0, stated=90.0), 1700.0, PRODUCTION, 0.0)
    assert token is not None
    assert (token.value.reveal(), token.expires_at, token.renew_at) == ("tok-1", 1790.0, 1745.0)


def test_another_token_whose_validity_is_only_what_was_left_counts_as_unchanged_but_is_used() -> None:
    assert is_unchanged(current(), grant("tok-2", 99.0, stated=99.0), 1700.0)
    token = renewed(current(), grant("tok-2", 99.0, stated=99.0), 1700.0, PRODUCTION, 0.0)
    assert token is not None
    assert (token.value.reveal(), token.window) == ("tok-2", 180.0)


def test_another_token_that_says_nothing_of_its_validity_is_new() -> None:
    assert not is_unchanged(current(), grant("tok-2", None), 1700.0)


def test_below_one_second_only_a_login_helps() -> None:
    assert renewed(current(), grant("tok-1", 0.9, stated=0.9), 1799.0, PRODUCTION, 0.0) is None


@given(st.floats(1.0, 180.0))
def test_asking_again_at_half_ends_in_a_login_and_never_in_a_loop(left: float) -> None:
    token, now, asked = current(), 1800.0 - left, 0
    while True:
        following = renewed(token, grant("tok-1", None, stated=1800.0 - now), now, PRODUCTION, 0.0)
        asked += 1
        if following is None:
            break
        token, now = following, following.renew_at
    assert asked <= math.ceil(math.log2(left)) + 2
