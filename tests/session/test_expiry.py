"""How long a token lives, by what the reply says: the least counts, and `expiresAt` only alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.session.dialect import ReplyShape
from sidecar.session.expiry import Validity, parse_instant, validity

SHAPE = ReplyShape()
NOON = 1_736_942_400.0  # 2025-01-15T12:00:00Z


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2025-01-15T12:00:00", NOON),
        ("2025-01-15T12:00", NOON),
        ("2025-01-15 12:00:00", NOON),
        ("2025-01-15t12:00:00z", NOON),
        (" 2025-01-15T12:00:00Z ", NOON),
        ("2025-01-15T12:00:00 Z", NOON),
        ("2025-01-15T12:00:00.5", NOON + 0.5),
        ("2025-01-15T12:00:00,25", NOON + 0.25),
        ("2025-01-15T12:00:00.123456789", NOON + 0.123456789),
        ("2025-01-15T12:00:00.123456789Z", NOON + 0.123456789),
        ("2025-01-15T13:00:00+01:00", NOON),
        ("2025-01-15T13:00:00+0100", NOON),
        ("2025-01-15T13:00:00+01", NOON),
        ("2025-01-15T06:30:00-05:30", NOON),
        ("2025-01-15T13:00:00.5+01:00", NOON + 0.5),
        ("0001-01-01T00:00:00+23:59", pytest.approx(-62_135_596_800 - 86_340)),
        ("2025-01-15T12:00:00.1234567890", None),
        ("2025-01-15", None),
        ("2025-13-15T12:00:00", None),
        ("2025-02-30T12:00:00", None),
        ("2025-01-15T25:00:00", None),
        ("0000-01-15T12:00:00", None),
        ("2025-01-15T12:00:00 CET", None),
        ("٢٠٢٥-01-15T12:00:00", None),
        ("", None),
        ("tomorrow", None),
        (1_736_942_400, None),
        (None, None),
        ({"a": 1}, None),
    ],
)
def test_an_instant_is_iso_8601_and_utc_without_a_zone(text: object, instant: float | None) -> None:
    assert parse_instant(text) == instant


@pytest.mark.parametrize(
    ("document", "claimed", "valid"),
    [
        ({"expires_in": 1800}, None, Validity(1800, 1800, "expires_in")),
        ({"expiresIn": 1800}, None, Validity(1800, 1800, "expiresIn")),
        ({"expires_in": "1800"}, None, Validity(1800, 1800, "expires_in")),
        ({"data": {"expiresIn": 1800}}, None, Validity(1800, 1800, "data.expiresIn")),
        ({"expires_in": 3600, "data": {"expiresIn": 1800}}, None, Validity(1800, 1800, "data.expiresIn")),
        ({"expires_in": 1800}, 3600, Validity(1800, 1800, "expires_in")),
        ({"expires_in": 3600}, 1800, Validity(1800, 3600, "exp - iat")),
        ({}, 1800, Validity(1800, None, "exp - iat")),
        ({"expires_in": 0}, None, Validity(0, 0, "expires_in")),
        ({"expires_in": 1800}, -5, Validity(-5, 1800, "exp - iat")),
        ({"expires_in": 1800}, 1e12, Validity(1800, 1800, "expires_in")),
        ({}, 1e12, Validity(None, None, "")),
        ({"expires_in": -1}, None, Validity(None, None, "")),
        ({"expires_in": True}, None, Validity(None, None, "")),
        ({"expires_in": float("nan")}, None, Validity(None, None, "")),
        ({"expires_in": 1_736_942_400}, None, Validity(None, None, "")),
        ({"expires_in": None, "expiresIn": 60}, None, Validity(60, 60, "expiresIn")),
        ({"expiresAt": "2025-01-15T12:30:00"}, None, Validity(1800, 1800, "expiresAt")),
        ({"data": {"expiresAt": "2025-01-15T12:30:00"}}, None, Validity(1800, 1800, "data.expiresAt")),
        ({"expiresAt": "2025-01-15T11:59:00"}, None, Validity(-60, -60, "expiresAt")),
        ({"expiresAt": "2035-01-15T12:30:00"}, None, Validity(None, None, "")),
        ({"expiresAt": "2025-01-16T12:00:00"}, 3600, Validity(3600, None, "exp - iat")),
        ({"expiresAt": "2025-01-16T12:00:00", "expires_in": 3600}, None, Validity(3600, 3600, "expires_in")),
        ({}, None, Validity(None, None, "")),
    ],
)
def test_the_least_counts_and_expires_at_only_alone(document: object, claimed: float | None, valid: Validity) -> None:
    assert validity(document, SHAPE, claimed, NOON) == valid


@given(text=st.text() | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?([+-]\d\d:\d\d)?", fullmatch=True))
def test_no_text_makes_it_raise(text: str) -> None:
    parse_instant(text)
