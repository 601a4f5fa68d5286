"""Replies of the token endpoint: every shape of the contract, every way of saying no, and junk."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.redact import Secret
from sidecar.session.answer import Failure, Grant, Kind
from sidecar.session.dialect_file import load, parse
from sidecar.session.reply import read_login, read_refresh

NOON = 1_736_942_400.0
KEY = "a key that only FinHub has, of more than thirty-two bytes"
JWT = jwt.encode({"sub": "ada", "iat": 1_000, "exp": 4_600, "internalTokenKey": "itk-0001"}, KEY, algorithm="HS256")
DIALECT = load("production")
FIELDS = ((b"Date", b"Wed, 15 Jan 2025 12:00:00 GMT"), (b"Content-Type", b"application/json"))

SOURCE = {
    "expires_in": 1800,
    "token_type": "Bearer",
    "scope": "all",
    "customerId": "customer-1",
    "tenantId": "1234567",
    "userSessionToken": JWT,
    "refreshToken": "refresh-0001",
}
V21 = {
    "code": 200,
    "message": "Success",
    "data": {
        "sessionId": "session-1",
        "userId": "user-1",
        "token": JWT,
        "refreshToken": "refresh-0001",
        "expiresAt": "2025-01-16T12:00:00.123456789",
        "success": True,
        "message": "Login successful",
    },
}
FINCARD = {"accessToken": "opaque-0001", "expiresIn": 900}


def logged_in(document: object, status: int = 200, fields: tuple[tuple[bytes, bytes], ...] = FIELDS) -> Grant | Failure:
    return read_login(DIALECT, status, fields, json.dumps(document).encode(), NOON)


def refreshed(document: object, status: int = 200) -> Grant | Failure:
    return read_refresh(DIALECT, status, FIELDS, json.dumps(document).encode(), NOON)


def granted(answer: Grant | Failure) -> Grant:
    assert isinstance(answer, Grant), answer
    return answer


def failed(answer: Grant | Failure) -> Failure:
    assert isinstance(answer, Failure), answer
    return answer


@pytest.mark.parametrize(
    ("document", "expected", "rule"),
    [
        (SOURCE, (JWT, 1800, 1800, "refresh-0001", "itk-0001", None), "expires_in"),
        ({"code": 200, "data": SOURCE}, (JWT, 1800, 1800, "refresh-0001", "itk-0001", None), "data.expires_in"),
        (V21, (JWT, 3600, None, "refresh-0001", "itk-0001", "session-1"), "exp - iat"),
        (FINCARD, ("opaque-0001", 900, 900, None, None, None), "expiresIn"),
        (
            {"data": {"expiresIn": 60, "tokenType": "Bearer", "accessToken": "t-1"}},
            ("t-1", 60, 60, None, None, None),
            "data.expiresIn",
        ),
        ({"access_token": "t-1", "refresh_token": "r-1"}, ("t-1", None, None, "r-1", None, None), ""),
        (
            {"bffToken": "t-1", "credentials": [{}, {"sessionId": 42}]},
            ("t-1", None, None, None, None, "42"),
            "",
        ),
        ({"token": "t-1", "expiresAt": "2025-01-15T12:30:00"}, ("t-1", 1800, 1800, None, None, None), "expiresAt"),
        ({"token": "t-1", "sessionId": "a b", "refreshToken": ""}, ("t-1", None, None, None, None, None), ""),
    ],
)
def test_every_shape_of_the_contract_parses(
    document: object, expected: tuple[str, float | None, float | None, str | None, str | None, str | None], rule: str
) -> None:
    grant = granted(logged_in(document))

    def text(secret: Secret | None) -> str | None:
        return None if secret is None else secret.reveal()

    assert (
        text(grant.token),
        grant.lifetime,
        grant.stated,
        text(grant.refresh_token),
        text(grant.internal_token_key),
        grant.session_id,
    ) == expected
    assert dict(grant.found).get("expiry", "") == rule


def test_what_was_found_is_told_by_names_alone() -> None:
    assert granted(logged_in(V21)).found == (
        ("token", "data.token"),
        ("expiry", "exp - iat"),
        ("refresh_token", "data.refreshToken"),
        ("session_id", "data.sessionId"),
        ("internal_token_key", "claim internalTokenKey"),
    )


def test_token_names_have_an_order_of_preference_wherever_they_lie() -> None:
    names = ["userSessionToken", "token", "accessToken", "access_token", "bffToken"]
    document: dict[str, Any] = {name: f"t-{name}" for name in names}
    for name in names:
        assert granted(logged_in(document)).token == Secret(f"t-{name}")
        assert granted(logged_in({"data": document})).token == Secret(f"t-{name}")
        del document[name]
    assert granted(logged_in({"token": "outer-9f", "data": {"userSessionToken": "inner-9f"}})).token == Secret(
        "inner-9f"
    )


@pytest.mark.parametrize("nothing", ["", None, 7, True, [], {}, ["t"], {"value": "t"}])
def test_a_token_that_is_no_text_or_empty_does_not_count(nothing: object) -> None:
    assert granted(logged_in({"userSessionToken": nothing, "token": "t-1"})).token == Secret("t-1")
    assert failed(logged_in({"userSessionToken": nothing})).kind is Kind.TRANSIENT


@pytest.mark.parametrize("token", ["a b", "a\r\nHost: x", "ä", "\x00", "a\ud800", "t\t"])
def test_a_token_that_no_field_can_carry_makes_the_reply_unreadable(token: str) -> None:
    failure = failed(logged_in({"userSessionToken": token, "token": "good"}))
    assert (failure.kind, failure.cause, failure.status) == (Kind.TRANSIENT, "http_protocol_error", 200)
    assert "userSessionToken" in failure.detail
    assert token not in failure.detail


@pytest.mark.parametrize(("key", "text"), [("itk", "itk"), (12, "12"), (True, None), (None, None), ({}, None)])
def test_the_internal_token_key_is_a_text_or_a_number(key: object, text: str | None) -> None:
    token = jwt.encode({"internalTokenKey": key}, KEY, algorithm="HS256")
    found = granted(logged_in({"token": token})).internal_token_key
    assert (found and found.reveal()) == text


def test_expires_at_counts_from_our_clock_where_the_reply_has_no_date() -> None:
    document = {"token": "t-1", "expiresAt": "2025-01-15T12:30:00Z"}
    assert granted(logged_in(document, fields=())).lifetime == 1800
    late = read_login(DIALECT, 200, (), json.dumps(document).encode(), NOON + 60)
    assert granted(late).lifetime == 1740


@pytest.mark.parametrize(
    "document",
    [
        {"token": "t-1", "expires_in": 0},
        {"token": "t-1", "expiresAt": "2025-01-15T11:00:00"},
        {"token": jwt.encode({"iat": 5_000, "exp": 4_000}, KEY, algorithm="HS256")},
    ],
)
def test_a_login_that_is_dead_on_arrival_is_a_transient_failure(document: object) -> None:
    failure = failed(logged_in(document))
    assert (failure.kind, failure.cause) == (Kind.TRANSIENT, "http_protocol_error")
    assert "expired already" in failure.detail


@pytest.mark.parametrize(
    ("status", "kind", "cause", "remedy"),
    [
        (400, Kind.FINAL, "proxy_configuration_error", "session.dialect"),
        (401, Kind.FINAL, "proxy_configuration_error", "credentials.customer_secret"),
        (403, Kind.FINAL, "proxy_configuration_error", "[identity]"),
        (422, Kind.FINAL, "proxy_configuration_error", "account_type"),
        (423, Kind.FINAL, "proxy_configuration_error", "locked"),
        (429, Kind.THROTTLED, "destination_unavailable", "Reduce how often"),
        (301, Kind.TRANSIENT, "destination_unavailable", "session.url"),
        (404, Kind.TRANSIENT, "destination_unavailable", "session.url"),
        (405, Kind.TRANSIENT, "destination_unavailable", "session.url"),
        (408, Kind.TRANSIENT, "destination_unavailable", "support"),
        (500, Kind.TRANSIENT, "destination_unavailable", "support"),
        (501, Kind.TRANSIENT, "destination_unavailable", "support"),
        (502, Kind.TRANSIENT, "destination_unavailable", "support"),
        (503, Kind.TRANSIENT, "destination_unavailable", "support"),
        (504, Kind.TRANSIENT, "destination_unavailable", "support"),
        (100, Kind.TRANSIENT, "destination_unavailable", "support"),
    ],
)
def test_a_refused_login_is_classified_by_its_status(status: int, kind: Kind, cause: str, remedy: str) -> None:
    failure = failed(read_login(DIALECT, status, (), b"<html>no", NOON))
    assert (failure.kind, failure.cause, failure.status, failure.retry_after) == (kind, cause, status, None)
    assert failure.detail == f"FinHub answered {status} to the login"
    assert remedy in failure.remedy


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Kind.FINAL),
        (403, Kind.FINAL),
        (429, Kind.THROTTLED),
        (404, Kind.UNSUPPORTED),
        (405, Kind.UNSUPPORTED),
        (501, Kind.UNSUPPORTED),
        (500, Kind.TRANSIENT),
    ],
)
def test_a_refused_refresh_is_classified_by_its_status(status: int, kind: Kind) -> None:
    failure = failed(read_refresh(DIALECT, status, (), b"", NOON))
    assert (failure.kind, failure.status, failure.detail) == (kind, status, f"FinHub answered {status} to the refresh")


@pytest.mark.parametrize(
    ("document", "detail", "remedy"),
    [
        (
            {
                "code": 401,
                "message": "No",
                "data": {"errorType": "INVALID_CREDENTIALS", "message": "x", "attempts": 2, "maxAttempts": 5},
            },
            'FinHub answered 401 to the login: "No" (errorType INVALID_CREDENTIALS, attempts 2, maxAttempts 5)',
            "five failures lock the account",
        ),
        (
            {"code": 400, "message": "Bad", "data": {"error": "e", "details": "d", "field": "customerSecret"}},
            'FinHub answered 400 to the login: "Bad"',
            "FinHub names the field customerSecret.",
        ),
        (
            {"success": False, "code": 429, "msg": "slow down"},
            'FinHub answered 429 to the login: "slow down"',
            "Reduce",
        ),
    ],
)
@pytest.mark.parametrize("inside_a_200", [False, True])
def test_finhubs_error_bodies_explain_themselves(
    document: dict[str, Any], detail: str, remedy: str, *, inside_a_200: bool
) -> None:
    failure = failed(logged_in(document, 200 if inside_a_200 else document["code"]))
    assert failure.detail == detail
    assert failure.status == document["code"]
    assert remedy in failure.remedy


@pytest.mark.parametrize(
    ("document", "kind", "status"),
    [
        ({"success": False, "code": 401, "msg": "no"}, Kind.FINAL, 401),
        ({"success": False, "code": "401", "msg": "no"}, Kind.FINAL, 401),
        ({"code": 403}, Kind.FINAL, 403),
        ({"code": 429}, Kind.THROTTLED, 429),
        ({"code": 500}, Kind.TRANSIENT, 500),
        ({"success": False, "code": 599}, Kind.TRANSIENT, 599),
        ({"success": False, "code": 600}, Kind.FINAL, 600),
        ({"success": False, "code": 302}, Kind.FINAL, 302),
        ({"success": False, "code": 418}, Kind.FINAL, 418),
        ({"success": False, "code": 10_001}, Kind.FINAL, 10_001),
        ({"code": 10_001}, Kind.FINAL, 10_001),
        ({"success": False, "code": "AUTH_FAILED"}, Kind.FINAL, 200),
        ({"success": False}, Kind.FINAL, 200),
        ({"success": False, "code": True}, Kind.FINAL, 200),
        ({"success": False, "code": 401.5}, Kind.FINAL, 200),
        ({"success": False, "code": 200}, Kind.FINAL, 200),
        ({"code": 200, "data": {"success": False, "message": "no"}}, Kind.FINAL, 200),
        ({"code": 200, "data": {"code": 401, "success": False}}, Kind.FINAL, 401),
        ({"success": True, "data": {"success": False}}, Kind.FINAL, 200),
    ],
)
def test_a_no_inside_a_200_is_classified_by_its_code(document: object, kind: Kind, status: int) -> None:
    for failure in (failed(logged_in(document)), failed(refreshed(document))):
        assert (failure.kind, failure.status) == (kind, status)
        assert failure.cause != "http_protocol_error"


def test_a_dialect_says_where_a_code_lies() -> None:
    own = parse("own", "[login]\npath = '/a'\n[reply]\ncode = ['error.status', 'code']", where="own.toml")
    failure = failed(read_login(own, 200, FIELDS, b'{"error": {"status": 401}}', NOON))
    assert (failure.kind, failure.status) == (Kind.FINAL, 401)


def test_a_404_inside_a_200_says_that_there_is_no_refresh() -> None:
    assert failed(refreshed({"code": 404})).kind is Kind.UNSUPPORTED


def test_a_token_outweighs_a_code() -> None:
    assert granted(logged_in({"code": 401, "token": "t-1"})).token == Secret("t-1")


@pytest.mark.parametrize("body", [b"", b"  ", b"<html>", b"[]", b'"token"', b"null", b"{}", b'{"code":200}', b"\xff"])
@pytest.mark.parametrize("read", [read_login, read_refresh])
def test_a_success_that_says_nothing_is_a_transient_failure(body: bytes, read: Any) -> None:
    failure = failed(read(DIALECT, 200, FIELDS, body, NOON))
    assert (failure.kind, failure.cause, failure.status) == (Kind.TRANSIENT, "http_protocol_error", 200)


def test_any_2xx_is_a_success() -> None:
    assert granted(logged_in(SOURCE, 201)).lifetime == 1800


@pytest.mark.parametrize(
    ("status", "value", "seconds"),
    [
        (429, b"3", 3.0),
        (429, b"0", None),
        (429, b"7200", 3600.0),
        (429, b"Wed, 15 Jan 2025 12:01:00 GMT", 60.0),
        (503, b"3", 3.0),
        (500, b"3", 3.0),
        (401, b"3", None),
        (423, b"1800", None),
    ],
)
def test_retry_after_is_heard_where_asking_again_makes_sense(status: int, value: bytes, seconds: float | None) -> None:
    failure = failed(logged_in({}, status, (*FIELDS, (b"Retry-After", value))))
    assert failure.retry_after == seconds


def test_retry_after_is_heard_of_a_429_inside_a_200_too() -> None:
    assert failed(logged_in({"code": 429}, 200, (*FIELDS, (b"Retry-After", b"5")))).retry_after == 5.0


@pytest.mark.parametrize(
    "body",
    [
        b"<html><title>400 No required SSL certificate was sent</title>",
        b"<html><title>400 The SSL certificate error</title>",
    ],
)
def test_a_400_about_the_certificate_names_the_identity(body: bytes) -> None:
    failure = failed(read_login(DIALECT, 400, (), body, NOON))
    assert (failure.kind, failure.cause) == (Kind.FINAL, "proxy_configuration_error")
    assert "client certificate" in failure.detail
    assert "[identity]" in failure.remedy


@pytest.mark.parametrize(
    ("document", "lifetime", "stated"),
    [
        ({"expires_in": 1200}, 1200, 1200),
        ({"data": {"expiresIn": "1200"}}, 1200, 1200),
        ({"expiresAt": "2025-01-15T12:20:00"}, 1200, 1200),
        ({"code": 200, "success": True, "expires_in": 1200}, 1200, 1200),
        ({"expires_in": 0}, 0, 0),
    ],
)
def test_a_refresh_may_tell_a_validity_and_no_token(document: object, lifetime: float, stated: float) -> None:
    grant = granted(refreshed(document))
    assert (grant.token, grant.lifetime, grant.stated) == (None, lifetime, stated)
    assert failed(logged_in(document)).kind is Kind.TRANSIENT


def test_a_refresh_with_a_new_token_is_read_like_a_login() -> None:
    assert refreshed(SOURCE) == logged_in(SOURCE)


def test_a_dialect_says_where_things_lie() -> None:
    text = "[login]\npath='/a'\n[reply]\ntoken='result.jwt'\nexpires_in='result.ttl'\nsession_id='result.ids[].id'"
    own = parse("own", text, where="own")
    body = json.dumps({"result": {"jwt": "t-1", "ttl": 60, "ids": [{"id": "s-1"}]}, "token": "tok-other"}).encode()
    grant = granted(read_login(own, 200, (), body, NOON))
    assert (grant.token, grant.lifetime, grant.session_id) == (Secret("t-1"), 60, "s-1")


NAMES = st.sampled_from(
    [
        "userSessionToken",
        "token",
        "data",
        "expires_in",
        "expiresIn",
        "expiresAt",
        "code",
        "success",
        "message",
        "msg",
        "refreshToken",
        "sessionId",
        "credentials",
        "errorType",
        "field",
        "attempts",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=12,
)
RAW = st.lists(st.tuples(st.sampled_from([b"date", b"retry-after"]), st.binary(max_size=40)), max_size=2).map(tuple)


@given(status=st.integers(0, 999), fields=RAW, body=st.binary() | VALUES.map(lambda value: json.dumps(value).encode()))
def test_no_reply_makes_it_raise(status: int, fields: Any, body: bytes) -> None:
    for read in (read_login, read_refresh):
        answer = read(DIALECT, status, fields, body, NOON)
        if isinstance(answer, Failure):
            assert answer.detail.isprintable()
            assert answer.remedy.isprintable()
            assert len(answer.detail) < 600
        else:
            assert answer.token is not None or answer.lifetime is not None


@given(
    middle=st.text(max_size=60),
    where=st.sampled_from(["userSessionToken", "accessToken", "refreshToken"]),
    status=st.sampled_from([200, 400, 401, 500]),
    shape=st.sampled_from(["message", "msg", "errorType", "field", "lockoutTime"]),
    around=st.text(max_size=300),
)
def test_a_token_is_never_shown(middle: str, where: str, status: int, shape: str, around: str) -> None:
    token = f"T0k3n{middle}T0k3n"
    said = {"data": {shape: f"{around} {token} {around}", where: token}, "success": False}
    for read in (read_login, read_refresh):
        answer = read(DIALECT, status, FIELDS, json.dumps(said).encode(), NOON)
        shown = f"{answer.detail} {answer.remedy}" if isinstance(answer, Failure) else repr(answer.found)
        assert "T0k3n" not in shown
