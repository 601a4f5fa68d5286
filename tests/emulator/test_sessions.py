from __future__ import annotations

import itertools
import json

import jwt
import pytest

from sidecar.emulator.answers import EXPIRED, FinHubError
from sidecar.emulator.sessions import FINCARD, Instant, Session, Sessions, validity, whole

KEY = b"thirty-two bytes of signing key!"


@pytest.fixture
def sessions() -> Sessions:
    numbers = itertools.count()
    return Sessions(KEY, lambda: f"id-{next(numbers)}")


def at(now: float) -> Instant:
    return Instant(now=now, utc=1_700_000_000.25 + now)


def opened(sessions: Sessions, lifetime: float = 100.0, user: str = "ann") -> Session:
    return sessions.open(user, lifetime, at(0.0), refreshable=True)


def refusal(sessions: Sessions, token: str, now: float) -> str:
    with pytest.raises(FinHubError) as raised:
        sessions.find(token, now)
    assert raised.value.answer.status == 401
    return str(json.loads(raised.value.answer.body)["message"])


def test_a_token_is_a_jwt_with_its_claims(sessions: Sessions) -> None:
    session = opened(sessions)
    claims = jwt.decode(session.token.reveal(), KEY, algorithms=["HS256"], options={"verify_exp": False})
    assert claims == {
        "iss": "finhub",
        "iat": 1_700_000_000,
        "exp": 1_700_000_100,
        "sub": "ann",
        "internalTokenKey": session.key,
        "sid": session.session_id,
        "jti": claims["jti"],
    }


def test_exp_minus_iat_is_the_lifetime_to_the_fraction(sessions: Sessions) -> None:
    claims = jwt.decode(opened(sessions, 2.5).token.reveal(), options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 2.5


def test_a_living_token_is_found(sessions: Sessions) -> None:
    session = opened(sessions)
    assert sessions.find(session.token.reveal(), 99.9) is session


def test_a_dead_token_is_called_expired(sessions: Sessions) -> None:
    assert "expired" in refusal(sessions, opened(sessions).token.reveal(), 100.0)


def test_a_token_that_is_not_ours_is_called_invalid(sessions: Sessions) -> None:
    forged = jwt.encode({"sub": "ann"}, b"another key of thirty-two bytes!", algorithm="HS256")
    assert "invalid" in refusal(sessions, forged, 0.0)
    assert "invalid" in refusal(sessions, "garbage", 0.0)


def test_a_token_of_fincard_is_refused_inside_a_200(sessions: Sessions) -> None:
    token = sessions.open("ann", 10.0, at(0.0), refreshable=False, issuer=FINCARD).token.reveal()
    assert sessions.find(token, 9.0).issuer == FINCARD
    for end in (sessions.expire, lambda _: sessions.revoke()):
        end(5.0)
        with pytest.raises(FinHubError) as raised:
            sessions.find(token, 5.0)
        answer = raised.value.answer
        assert (answer.status, answer.inside) == (200, 401)
        assert json.loads(answer.body) == {"success": False, "code": 401, "msg": EXPIRED}


def test_more_than_a_tenth_left_refreshes_nothing(sessions: Sessions) -> None:
    session = opened(sessions)
    assert sessions.renew(session, at(89.9)) is session


def test_a_tenth_left_brings_a_new_token_and_the_old_one_lives_on(sessions: Sessions) -> None:
    session = opened(sessions)
    renewed = sessions.renew(session, at(90.0))
    assert renewed.token != session.token
    assert renewed.refresh_token != session.refresh_token
    assert (renewed.session_id, renewed.user, renewed.expires_at) == (session.session_id, "ann", 190.0)
    assert renewed.issuer == session.issuer
    assert sessions.find(session.token.reveal(), 99.0) is session
    assert sessions.find(renewed.token.reveal(), 189.0) is renewed


def test_not_every_session_can_be_refreshed(sessions: Sessions) -> None:
    assert sessions.open("ann", 10.0, at(0.0), refreshable=False).refresh_token is None


def test_the_claimed_key_names_a_living_session(sessions: Sessions) -> None:
    session = opened(sessions)
    assert sessions.by_key(session.key, 99.0) is session
    assert sessions.by_key(session.key, 100.0) is None
    assert sessions.by_key("other", 0.0) is None


def test_a_closed_token_is_called_expired(sessions: Sessions) -> None:
    token = opened(sessions).token.reveal()
    assert sessions.close(token)
    assert not sessions.close(token)
    assert "expired" in refusal(sessions, token, 0.0)


def test_a_session_ends_with_all_its_tokens(sessions: Sessions) -> None:
    session, other = opened(sessions), opened(sessions)
    renewed = sessions.renew(session, at(95.0))
    assert sessions.close_id(session.session_id)
    assert not sessions.close_id(session.session_id)
    refusal(sessions, renewed.token.reveal(), 95.0)
    assert sessions.find(other.token.reveal(), 95.0) is other


def test_revoking_ends_all(sessions: Sessions) -> None:
    tokens = [opened(sessions).token.reveal() for _ in range(3)]
    assert sessions.revoke() == 3
    assert all("expired" in refusal(sessions, token, 0.0) for token in tokens)


def test_expiring_ends_those_that_live(sessions: Sessions) -> None:
    short, long = opened(sessions, 10.0), opened(sessions, 100.0)
    assert sessions.expire(50.0) == 1
    assert "expired" in refusal(sessions, long.token.reveal(), 50.0)
    assert "expired" in refusal(sessions, short.token.reveal(), 50.0)


def test_the_table_is_bounded_and_the_oldest_go_first(sessions: Sessions) -> None:
    first = opened(sessions)
    for _ in range(1000):
        last = opened(sessions)
    assert len(sessions) == 1000
    refusal(sessions, first.token.reveal(), 0.0)
    assert sessions.find(last.token.reveal(), 0.0) is last


def test_the_dead_make_room(sessions: Sessions) -> None:
    opened(sessions, 10.0)
    sessions.open("ann", 10.0, at(50.0), refreshable=True)
    assert len(sessions) == 1


@pytest.mark.parametrize(
    ("seconds", "said"), [(1800.0, 1800), (179.99, 179), (10.0, 10), (9.9996, 9.999), (2.0, 2), (0.0004, 0)]
)
def test_a_reply_never_promises_more_than_is_left(seconds: float, said: float) -> None:
    assert validity(seconds) == said


@pytest.mark.parametrize(("seconds", "said"), [(3.0, "3"), (2.5, "2.5")])
def test_whole_seconds_are_written_as_such(seconds: float, said: str) -> None:
    assert json.dumps(whole(seconds)) == said


def test_no_token_shows_in_a_session(sessions: Sessions) -> None:
    session = opened(sessions)
    assert session.token.reveal() not in repr(session)
