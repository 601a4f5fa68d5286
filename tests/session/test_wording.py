"""FinHub's own words: short, printable, without a secret."""

from __future__ import annotations

import pytest

from sidecar.redact import Secret
from sidecar.session.wording import Said, clean, said


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"message": "Bad credentials"}, ': "Bad credentials"'),
        ({"msg": "Bad credentials"}, ': "Bad credentials"'),
        ({"data": {"message": "Bad credentials"}}, ': "Bad credentials"'),
        ({"error": "invalid_grant", "error_description": "Expired"}, ': "Expired"'),
        ({"error": "invalid_grant"}, ': "invalid_grant"'),
        ({"data": {"errorType": "AUTHENTICATION_FAILED"}}, " (errorType AUTHENTICATION_FAILED)"),
        (
            {
                "code": 401,
                "message": "Invalid",
                "data": {"errorType": "AUTH", "attempts": 3, "maxAttempts": 5, "lockoutTime": "30m"},
            },
            ': "Invalid" (errorType AUTH, attempts 3, maxAttempts 5, lockoutTime 30m)',
        ),
        ({"message": "", "msg": 3, "data": None}, ""),
        ({"message": {"a": 1}}, ""),
        ([], ""),
        (None, ""),
        ("message", ""),
    ],
)
def test_a_message_and_its_facts_are_shown(document: object, reason: str) -> None:
    assert said(document).reason == reason


def test_the_field_that_finhub_complains_about_is_named() -> None:
    assert said({"data": {"field": "customerSecret"}}).field == "customerSecret"
    assert said({"field": ["x"]}).field == ""


def test_a_long_message_is_cut_and_control_characters_are_gone() -> None:
    shown = clean("line\r\nnext\x1b[31m\x00 " + "x" * 500, 200)
    assert shown.startswith("line next[31m x")
    assert len(shown) == 200
    assert shown.endswith("…")


def test_a_living_secret_is_taken_out_even_around_control_characters() -> None:
    secret = Secret("hunter2-hunter2")
    assert secret.reveal() not in clean("it was hunter2\x00-hunter2", 200)
    assert clean("it was hunter2-hunter2", 200) == "it was [redacted]"


def test_what_the_reply_calls_a_secret_is_taken_out_of_its_message() -> None:
    document = {
        "message": "no session for abc-token-xyz and nested-value or 42",
        "data": {"sessionToken": "abc-token-xyz", "credentials": [{"value": "nested-value"}, 42, ""]},
    }
    assert said(document).reason == ': "no session for [redacted] and [redacted] or 42"'


def test_a_jwt_is_taken_out_wherever_it_comes_from() -> None:
    assert clean("expired: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln!", 200) == "expired: [redacted]!"


def test_a_reply_with_more_secrets_than_we_watch_for_says_nothing() -> None:
    assert said({"message": "x", "field": "y", "tokens": [f"secret-{n}" for n in range(65)]}) == Said()
    assert said({"message": "x", "tokens": [f"secret-{n}" for n in range(64)]}).reason == ': "x"'
