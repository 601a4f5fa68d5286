"""`Date` and `Retry-After`, in all their forms and in none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.session.reply_time import reply_time, retry_after

NOON = 1_736_942_400.0
AT_NOON = b"Wed, 15 Jan 2025 12:00:00 GMT"


@pytest.mark.parametrize(
    ("date", "instant"),
    [
        (AT_NOON, NOON),
        (b"Wednesday, 15-Jan-25 12:00:00 GMT", NOON),
        (b"Wed Jan 15 12:00:00 2025", NOON),
        (b"Wed, 15 Jan 2025 12:00:00 -0000", NOON),
        (b"", 7.0),
        (b"yesterday", 7.0),
        (b"\xff", 7.0),
        (b"Wed, 99 Jan 2025 12:00:00 GMT", 7.0),
        (AT_NOON + b" " * 40 + b"x", 7.0),
    ],
)
def test_a_reply_was_made_at_its_date_else_now(date: bytes, instant: float) -> None:
    assert reply_time(((b"Content-Type", b"x"), (b"DATE", date)), 7.0) == instant


def test_a_reply_without_a_date_was_made_now() -> None:
    assert reply_time((), 7.0) == 7.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"3", 3.0),
        (b" 120 ", 120.0),
        (b"0000000000000120", 120.0),
        (b"3600", 3600.0),
        (b"3601", 3600.0),
        (b"9" * 5_000, 3600.0),
        (b"0", None),
        (b"-5", None),
        (b"1.5", None),
        (b"soon", None),
        (b"", None),
        (b"\xff", None),
        (b"Wed, 15 Jan 2025 12:00:30 GMT", 30.0),
        (b"Wednesday, 15-Jan-25 12:00:30 GMT", 30.0),
        (b"Wed, 15 Jan 2025 18:00:00 GMT", 3600.0),
        (AT_NOON, None),
        (b"Wed, 15 Jan 2025 11:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_an_hour_at_most(value: bytes, seconds: float | None) -> None:
    assert retry_after(((b"date", AT_NOON), (b"retry-after", value)), 0.0) == seconds


def test_a_retry_date_without_a_reply_date_counts_from_now() -> None:
    assert retry_after(((b"Retry-After", AT_NOON),), NOON - 60) == 60.0


def test_no_retry_after_is_none() -> None:
    assert retry_after((), NOON) is None


@given(value=st.binary(max_size=80) | st.text(st.characters(max_codepoint=127), max_size=60).map(str.encode))
def test_no_value_makes_it_raise(value: bytes) -> None:
    found = retry_after(((b"date", value), (b"retry-after", value)), 0.0)
    assert found is None or 0 < found <= 3600


@given(
    date=st.from_regex(
        r"([A-Z][a-z]{2}, )?\d{1,2}[ -](Jan|Feb|Dec|Foo)[ -]\d{2,4} \d{1,3}:\d\d(:\d\d)? ?([+-]\d{1,6}|GMT|XYZ)?",
        fullmatch=True,
    )
)
def test_no_date_makes_it_raise(date: str) -> None:
    reply_time(((b"date", date.encode()),), 0.0)
