"""FinHub's reply to a caller's own login: nothing that a session is worth passes, and nothing else is touched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import MalformedReply
from sidecar.redact import Secret
from sidecar.session import dialect_file, stub
from sidecar.session.dialect import ReplyShape
from sidecar.session.scrub import LARGEST, Scrub

NOW = 1_800_000_000
JSON = ((b"Content-Type", b"application/json"), (b"Date", b"Tue, 24 Nov 2026 10:00:00 GMT"))
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl"
SCRUB = Scrub(ReplyShape())
HIDDEN = stub.PLACEHOLDER
STANDS_IN = stub.token(NOW)


def clean(document: object, fields: Any = JSON, scrub: Scrub = SCRUB) -> Any:
    """Return the document as the caller gets it."""
    return json.loads(scrub.clean(fields, json.dumps(document).encode(), NOW)[1])


def test_what_a_session_is_worth_is_replaced_and_the_rest_stays() -> None:
    reply = {
        "expires_in": 1800,
        "token_type": "Bearer",
        "scope": "openid profile",
        "customerId": "C-1",
        "userSessionToken": JWT,
        "refreshToken": "opaque-refresh",
    }
    assert clean(reply) == {**reply, "userSessionToken": STANDS_IN, "refreshToken": HIDDEN}


def test_names_count_in_any_spelling_and_depth_and_all_beneath_them() -> None:
    assert clean({"data": {"Session_ID": "s-12345", "access-token": {"a": ["x-12345", 7, True, None]}}}) == {
        "data": {"Session_ID": HIDDEN, "access-token": {"a": [HIDDEN, 0, True, None]}}
    }
    assert clean({"credentials": [{"sessionId": 4711}], "expiresAt": "2026-11-24T10:00:00"}) == {
        "credentials": [{"sessionId": 0}],
        "expiresAt": "2026-11-24T10:00:00",
    }


def test_the_dialect_says_more_names() -> None:
    scrub = Scrub(ReplyShape.read({"token": "a.ticket", "session_id": "all[]"}))
    assert clean({"ticket": "t-12345", "all": ["s-12345"], "code": 200}, scrub=scrub) == {
        "ticket": HIDDEN,
        "all": [HIDDEN],
        "code": 200,
    }


def test_names_that_tell_of_a_token_are_no_tokens() -> None:
    told = {"tokenType": "Bearer", "tokenExpiresAt": "2026-11-24T10:00:00", "token_expiry": 7, "token": ""}
    assert clean(told) == told


def test_what_was_found_is_taken_out_wherever_it_stands() -> None:
    living = Secret("our-living-token")
    reply = {
        "token": "opaque-12345",
        "message": f"opaque-12345 for Bearer {JWT} not {living.reveal()}",
        "opaque-12345": 1,
        "list": [f"a{JWT}"],
    }
    made = clean(reply)
    assert made["message"] == f"{HIDDEN} for Bearer {HIDDEN} not [redacted]"
    assert made[HIDDEN] == 1
    assert made["list"] == [f"a{HIDDEN}"]


def test_a_short_value_is_hidden_where_it_lies_and_not_looked_for_elsewhere() -> None:
    assert clean({"sessionId": "ok", "message": "ok"}) == {"sessionId": HIDDEN, "message": "ok"}


def test_a_reply_without_anything_of_the_kind_passes_as_it_came() -> None:
    body = b'{ "code":401, "amount":5000.00, "message":"no" }'
    fields = (*JSON, (b"ETag", b'"1"'), (b"Content-Length", b"48"))
    assert SCRUB.clean(fields, body, NOW) == (fields, body)
    assert SCRUB.clean((), b"", NOW) == ((), b"")


def test_a_changed_body_has_its_own_length_and_no_digest_of_the_other() -> None:
    digests = ((b"ETag", b'"1"'), (b"Content-MD5", b"x"), (b"Repr-Digest", b"x"), (b"content-length", b"9"))
    fields, body = SCRUB.clean((*JSON, *digests), b'{"token":"opaque-12345"}', NOW)
    assert fields == (*JSON, (b"Content-Length", b"%d" % len(body)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"Set-Cookie", b"JSESSIONID=1"),
        (b"Authorization", b"Bearer x"),
        (b"X-Auth-Token", b"x"),
        (b"X-Session-ID", b"x"),
        (b"X-Other", b"a " + JWT.encode()),
        (b"Location", b"/next?t=opaque%2D12345"),
        (b"X-Other", b"opaque-12345"),
    ],
)
def test_a_field_that_holds_any_of_it_is_left_out(name: bytes, value: bytes) -> None:
    fields, _ = SCRUB.clean((*JSON, (name, value)), b'{"token":"opaque-12345"}', NOW)
    assert fields[:-1] == JSON
    assert SCRUB.clean((*JSON, (b"Set-Cookie", b"a=b")), b"", NOW) == (JSON, b"")


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (JSON, b"<html>"),
        (JSON, b"null"),
        (JSON, b'{"token":'),
        ((*JSON, (b"Content-Encoding", b"gzip")), b"{}"),
        (JSON, b"[" + b" " * LARGEST + b"]"),
    ],
)
def test_what_cannot_be_searched_is_withheld(fields: Any, body: bytes) -> None:
    with pytest.raises(MalformedReply) as withheld:
        SCRUB.clean(fields, body, NOW)
    assert "withheld" in withheld.value.detail
    assert "login_endpoint" in withheld.value.remedy


def test_a_nesting_that_goes_deeper_than_we_do_is_withheld() -> None:
    deep = b"[" * 900 + b"1" + b"]" * 900
    with pytest.raises(MalformedReply):
        SCRUB.clean(JSON, deep, NOW)


def test_a_coding_that_is_none_is_read() -> None:
    assert SCRUB.clean(((b"Content-Encoding", b"Identity"),), b"{}", NOW)[1] == b"{}"


def leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in leaves(part)]
    return [leaf for part in value for leaf in leaves(part)] if isinstance(value, list) else [value]


NAMES = st.sampled_from(["token", "data", "refresh_token", "message", "sessionId", "a", "accessToken", "userId"])
TEXTS = st.sampled_from(["secret-1", "secret-2", f"see {JWT}", "plain", "x secret-1 y", "n"])
DOCUMENTS = st.recursive(TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4))


@given(st.dictionaries(NAMES, DOCUMENTS, max_size=5))
def test_no_value_that_lay_under_a_secrets_name_is_anywhere_in_what_passes(document: dict[str, object]) -> None:
    _, body = SCRUB.clean(JSON, json.dumps(document).encode(), NOW)
    secret_names = {"token", "refresh_token", "sessionId", "accessToken"}

    def beneath(value: object) -> list[object]:
        if isinstance(value, dict):
            inside = [leaf for name, part in value.items() if name in secret_names for leaf in leaves(part)]
            return inside + [leaf for name, part in value.items() if name not in secret_names for leaf in beneath(part)]
        return [leaf for part in value for leaf in beneath(part)] if isinstance(value, list) else []

    for found in beneath(document):
        assert len(str(found)) < 5 or str(found).encode() not in body
    assert JWT.encode() not in body


@pytest.mark.parametrize("name", dialect_file.built_in())
def test_a_login_of_every_dialect_leaves_nothing_of_its_token(name: str) -> None:
    dialect = dialect_file.load(name)
    path = dialect.login.path[0].replace("{", "").replace("}", "")
    answer = stub.Stub.build(dialect, (), {}).answer("POST", path, NOW)
    assert answer is not None
    real = answer.body.replace(STANDS_IN.encode(), JWT.encode())
    assert JWT.encode() in real
    assert JWT.encode() not in Scrub(dialect.reply).clean(JSON, real, NOW)[1]
