from __future__ import annotations

import pytest

from sidecar.gateway.replay import DELIVERED, Judgement, Verdict, judge, speaks_of_expiry


@pytest.mark.parametrize("status", [200, 204, 304, 400, 403, 404, 407, 409, 429, 500, 503])
@pytest.mark.parametrize("replayed", [False, True])
@pytest.mark.parametrize("repeatable", [False, True])
def test_whatever_is_no_401_is_the_callers(status: int, *, replayed: bool, repeatable: bool) -> None:
    verdict = judge(status=status, replayed=replayed, means_expired=True, repeatable=repeatable)
    assert verdict is DELIVERED


@pytest.mark.parametrize(
    ("replayed", "means_expired", "repeatable", "verdict", "reason"),
    [
        (False, True, True, Verdict.REPLAY, "token refused"),
        (False, True, False, Verdict.RENEW, "body exceeds replay.max_body or replay.max_total"),
        (False, False, True, Verdict.DELIVER, "no expiry by session.expired_when"),
        (False, False, False, Verdict.DELIVER, "no expiry by session.expired_when"),
        (True, True, True, Verdict.DELIVER, "refused on a fresh token"),
        (True, True, False, Verdict.DELIVER, "refused on a fresh token"),
        (True, False, True, Verdict.DELIVER, "refused on a fresh token"),
        (True, False, False, Verdict.DELIVER, "refused on a fresh token"),
    ],
)
def test_a_401_is_replayed_only_if_it_is_the_first_speaks_of_expiry_and_the_body_is_whole(
    *, replayed: bool, means_expired: bool, repeatable: bool, verdict: Verdict, reason: str
) -> None:
    judged = judge(status=401, replayed=replayed, means_expired=means_expired, repeatable=repeatable)
    assert judged == Judgement(verdict, reason)


@pytest.mark.parametrize(
    ("text", "prefix", "coded", "speaks"),
    [
        (None, b"", False, True),
        (None, b"anything", True, True),
        ("has expired", b'{"message":"access token HAS EXPIRED"}', False, True),
        ("HAS expired", b"has expired", False, True),
        ("stra\xdfe", b"STRASSE", False, True),
        ("has expired", b'{"message":"wrong scope"}', False, False),
        ("has expired", b"", False, False),
        ("has expired", b"\x1f\x8b\x08\xff", True, True),
        ("has expired", b"\xff\xfe has expired", False, True),
    ],
)
def test_a_401_speaks_of_expiry_unless_its_text_can_be_read_and_says_nothing_of_it(
    text: str | None, prefix: bytes, *, coded: bool, speaks: bool
) -> None:
    assert speaks_of_expiry(text, prefix, coded=coded) is speaks
