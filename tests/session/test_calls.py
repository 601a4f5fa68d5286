"""Requests to the token endpoint, for each built-in dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidecar.errors import ConfigError
from sidecar.redact import Secret
from sidecar.session.calls import Call, login, logout, missing, refresh
from sidecar.session.dialect import Dialect
from sidecar.session.dialect_file import load
from sidecar.session.token import Token

CREDENTIALS: dict[str, str | Secret | bool | None] = {
    "username": "ada@example.test",
    "password": Secret('pa"ss\\wörd-1'),
    "customer_id": "client-7",
    "customer_secret": Secret("customer-secret-7"),
    "account_type": "b2b",
    "grant_type": "password",
    "tenant_id": "1234567",
    "send_client_credentials": True,
    "organization_id": "org/1",
    "user_id": "user 2",
    "individual_id": None,
    "tenant_key": "tenant-key-3",
    "tenant_secret": Secret("tenant-secret-3"),
}
SIX = {
    "username": "ada@example.test",
    "password": 'pa"ss\\wörd-1',
    "customerId": "client-7",
    "customerSecret": "customer-secret-7",
    "accountType": "b2b",
    "grantType": "password",
}
FOUR = {
    "username": "ada@example.test",
    "password": 'pa"ss\\wörd-1',
    "tenantKey": "tenant-key-3",
    "tenantSecret": "tenant-secret-3",
}
BEARER = ((b"Authorization", b"Bearer token-value-1"),)


def token(**parts: Any) -> Token:
    return Token(value=Secret("token-value-1"), expires_at=10.0, renew_at=9.0, window=1.0, **parts)


def dialect(**parts: Any) -> Dialect:
    return Dialect.read({"name": "own", "login": {"path": "/login"}, **parts})


@pytest.mark.parametrize(
    ("name", "path", "body"),
    [
        ("playground", "/api/v2/auth/sandbox/token", SIX),
        ("integration", "/api/v2/auth/token", SIX),
        ("production", "/api/v2/auth/token", SIX),
        ("v2.1-admin", "/api/v2.1/admin/organization/org%2F1/users/user%202/sessions", FOUR),
        ("v2.1-customer", "/api/v2.1/customer/organization/org%2F1/users/user%202/sessions", FOUR),
        (
            "fincard",
            "/api/auth/login",
            {"email": "ada@example.test", "password": 'pa"ss\\wörd-1', "tenantId": "1234567"},
        ),
    ],
)
def test_each_dialect_logs_in_its_own_way(name: str, path: str, body: dict[str, str]) -> None:
    call = login(load(name), CREDENTIALS)
    assert (call.method, call.path, call.fields) == ("POST", path, ())
    assert json.loads(call.body) == body


def test_an_individual_customer_comes_before_an_organization() -> None:
    call = login(load("v2.1-customer"), {**CREDENTIALS, "individual_id": "ind-9"})
    assert call.path == "/api/v2.1/customer/individual/ind-9/users/user%202/sessions"


def test_without_client_credentials_the_other_four_fields_are_sent() -> None:
    without = {**CREDENTIALS, "send_client_credentials": False, "customer_id": None, "customer_secret": None}
    call = login(load("production"), without)
    assert json.loads(call.body) == {k: v for k, v in SIX.items() if k not in {"customerId", "customerSecret"}}


def test_without_client_credentials_a_login_without_a_body_still_has_none() -> None:
    assert login(dialect(), {"send_client_credentials": False}) == Call("POST", "/login")


@pytest.mark.parametrize(
    ("name", "unset", "keys"),
    [
        ("production", {"password", "grant_type"}, ("password", "grant_type")),
        ("v2.1-admin", {"organization_id", "tenant_key"}, ("tenant_key", "organization_id")),
        ("v2.1-customer", {"organization_id"}, ("individual_id or organization_id",)),
        ("v2.1-customer", {"organization_id", "user_id"}, ("user_id", "individual_id or organization_id")),
        ("v2.1-customer", {"user_id"}, ("user_id",)),
        ("fincard", {"tenant_id"}, ("tenant_id",)),
        ("production", set(), ()),
    ],
)
def test_what_is_missing_is_named(name: str, unset: set[str], keys: tuple[str, ...]) -> None:
    credentials = {key: None if key in unset else value for key, value in CREDENTIALS.items()}
    assert missing(load(name), credentials) == keys


def test_an_empty_text_or_an_empty_secret_is_missing() -> None:
    assert missing(load("fincard"), {"username": "", "password": Secret(""), "tenant_id": "1"}) == (
        "username",
        "password",
    )


def test_alternatives_that_need_several_keys_say_so() -> None:
    own = dialect(login={"path": ["/{user_id}/{tenant_id}", "/{organization_id}"]})
    assert missing(own, {}) == ("user_id and tenant_id or organization_id",)


@pytest.mark.parametrize("value", [".", ".."])
def test_a_dot_segment_cannot_stand_in_a_path(value: str) -> None:
    assert missing(load("v2.1-admin"), {**CREDENTIALS, "user_id": value}) == ("user_id",)


def test_a_login_with_missing_credentials_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError) as caught:
        login(load("production"), {})
    assert "credentials.username, credentials.password" in caught.value.detail
    assert caught.value.remedy.startswith("Set credentials.username")


def test_a_credential_that_no_field_can_carry_is_a_configuration_error() -> None:
    own = dialect(login={"path": "/login", "fields": {"X-Tenant-Key": "{tenant_key}"}})
    assert login(own, {"tenant_key": "key"}).fields == ((b"X-Tenant-Key", b"key"),)
    with pytest.raises(ConfigError, match=r"credentials\.tenant_key") as caught:
        login(own, {"tenant_key": Secret("evil\r\nHost: x")})
    assert "evil" not in caught.value.detail


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        (
            {"refresh_token": Secret("refresh-1"), "internal_token_key": Secret("itk-1")},
            {"refreshToken": "refresh-1", "internalTokenKey": "itk-1"},
        ),
        ({"refresh_token": Secret("refresh-1")}, {"refreshToken": "refresh-1"}),
        ({"internal_token_key": Secret("itk-1")}, {"internalTokenKey": "itk-1"}),
        ({}, {}),
    ],
)
@pytest.mark.parametrize("name", ["integration", "production"])
def test_a_refresh_sends_what_there_is_and_no_client_credentials(
    name: str, parts: dict[str, Secret], body: dict[str, str]
) -> None:
    call = refresh(load(name), token(**parts), CREDENTIALS)
    assert call is not None
    assert (call.method, call.path, call.fields) == ("POST", "/api/v2/auth/token/refresh", BEARER)
    assert json.loads(call.body) == body


@pytest.mark.parametrize("name", ["playground", "fincard"])
def test_some_dialects_have_no_refresh(name: str) -> None:
    assert refresh(load(name), token(), CREDENTIALS) is None


@pytest.mark.parametrize("name", ["playground", "integration", "production"])
def test_a_logout_names_the_token(name: str) -> None:
    call = logout(load(name), token(), CREDENTIALS)
    assert call == Call("POST", "/api/v2/auth/logout", BEARER, b'{"userSessionToken": "token-value-1"}')


@pytest.mark.parametrize(
    ("name", "individual", "path"),
    [
        ("v2.1-admin", None, "/api/v2.1/admin/organization/org%2F1/users/user%202/sessions/s-1"),
        ("v2.1-customer", None, "/api/v2.1/customer/organization/org%2F1/users/user%202/sessions/s-1"),
        ("v2.1-customer", "ind-9", "/api/v2.1/customer/individual/ind-9/users/user%202/sessions/s-1"),
    ],
)
def test_a_v21_logout_deletes_the_session(name: str, individual: str | None, path: str) -> None:
    call = logout(load(name), token(session_id="s-1"), {**CREDENTIALS, "individual_id": individual})
    assert call == Call("DELETE", path, BEARER)


@pytest.mark.parametrize("session_id", [None, "", ".."])
def test_a_v21_logout_without_a_usable_session_id_is_none(session_id: str | None) -> None:
    assert logout(load("v2.1-admin"), token(session_id=session_id), CREDENTIALS) is None


def test_there_is_no_logout_where_the_dialect_has_none() -> None:
    assert logout(load("fincard"), token(), CREDENTIALS) is None


def test_a_field_that_cannot_be_filled_makes_no_call() -> None:
    own = dialect(logout={"path": "/logout", "fields": {"X-Refresh": "{refresh_token}"}})
    assert logout(own, token(), {}) is None
    assert logout(own, token(refresh_token=Secret("nicht ASCII: ä")), {}) is None


def test_a_body_is_filled_however_deep_and_its_types_stay() -> None:
    body = {
        "n": 1,
        "yes": True,
        "list": ["{username}", "{user_id}", 2],
        "in": {"a": "<{username}>", "b": "{user_id}"},
        "literal": "{not a reference}",
    }
    own = dialect(logout={"path": "/x", "body": body})
    call = logout(own, token(), {"username": "{tenant_id}", "tenant_id": "7"})
    assert call is not None
    assert json.loads(call.body) == {
        "n": 1,
        "yes": True,
        "list": ["{tenant_id}", 2],
        "in": {"a": "<{tenant_id}>"},
        "literal": "{not a reference}",
    }


def test_a_call_hides_what_holds_secrets() -> None:
    call = logout(load("production"), token(), CREDENTIALS)
    assert "token-value-1" not in repr(call)
    assert repr(call) == "Call(method='POST', path='/api/v2/auth/logout')"
