"""The replies to a caller's own login: the shape is FinHub's, and nothing in them is worth anything."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest

from sidecar.session import dialect_file, stub
from sidecar.session.answer import Grant
from sidecar.session.dialect import own_paths, with_refresh_path
from sidecar.session.reply import read_login, read_refresh
from sidecar.session.stub import LIFETIME, PLACEHOLDER, Stub

NOW = 1_800_000_000.25
JSON = ((b"Content-Type", b"application/json"),)
DIALECTS = {name: dialect_file.load(name) for name in dialect_file.built_in()}
CREDENTIALS = {"tenant_id": "1234567", "user_id": "42", "username": "", "password": "never-shown"}
LOGIN = "/api/v2/auth/token"
TOKEN = stub.token(int(NOW))


def of(name: str, **credentials: str) -> Stub:
    return Stub.build(DIALECTS[name], DIALECTS.values(), {**CREDENTIALS, **credentials})


def own(text: str) -> Stub:
    return Stub.build(dialect_file.parse("house", text, where="house.toml"), (), {})


def said(made: Stub, method: str, path: str) -> Any:
    answer = made.answer(method, path, NOW)
    assert answer is not None
    assert answer.status == 200
    return json.loads(answer.body)


# ── of FinHub's shape ───────────────────────────────────────────────────────────────────────────────────────────


def test_productions_login_is_answered_as_finhubs_page_lists_it() -> None:
    assert said(of("production"), "POST", LOGIN) == {
        "expires_in": LIFETIME,
        "token_type": "Bearer",
        "scope": "openid profile",
        "customerId": PLACEHOLDER,
        "tenantId": "1234567",
        "userSessionToken": TOKEN,
        "refreshToken": PLACEHOLDER,
    }


def test_v21s_login_is_answered_under_data_and_its_session_can_be_ended() -> None:
    made, path = of("v2.1-admin"), "/api/v2.1/admin/organization/4711/users/42/sessions"
    assert said(made, "POST", path) == {
        "code": 200,
        "message": "Success",
        "data": {
            "sessionId": PLACEHOLDER,
            "userId": "42",
            "token": TOKEN,
            "refreshToken": PLACEHOLDER,
            "expiresAt": "2027-02-08T08:00:00.000000000",
            "success": True,
            "message": "Session created",
        },
    }
    assert said(made, "DELETE", f"{path}/{PLACEHOLDER}")["data"]["success"] is True


def test_a_logout_is_answered_as_finhub_does() -> None:
    ended = {"cleared": True, "message": "Session cleared", "success": True}
    assert said(of("playground"), "POST", "/api/v2/auth/logout") == ended


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_every_own_path_of_every_dialect_has_an_answer_that_its_own_reader_understands(dialect: Any) -> None:
    made = of(dialect.name)
    for _, path in own_paths(dialect):
        asked = path.replace("{", "").replace("}", "")
        (method,) = made.methods(asked)
        assert made.answer(method, asked, NOW) is not None
    calls = {door.kind: door for door in reversed(made.doors)}
    login = _answer(made, calls["login"])
    granted = read_login(dialect, 200, JSON, login, int(NOW))
    assert isinstance(granted, Grant)
    assert (granted.token and granted.token.reveal(), granted.lifetime) == (TOKEN, LIFETIME)
    if dialect.refresh is not None:
        assert isinstance(read_refresh(dialect, 200, JSON, _answer(made, calls["refresh"]), NOW), Grant)


def _answer(made: Stub, door: Any) -> bytes:
    path = door.path.pattern.replace("[^/]+", "x").replace("\\", "").partition("(?:")[0]
    answer = made.answer(door.method, f"/{path}", NOW)
    assert answer is not None
    return answer.body


def test_a_path_of_another_generation_is_answered_as_that_one_does() -> None:
    assert said(of("production"), "POST", "/api/v2/auth/sandbox/token")["data"]["userSessionToken"] == TOKEN
    assert said(of("playground"), "POST", LOGIN)["userSessionToken"] == TOKEN
    assert said(of("fincard"), "POST", "/api/auth/login")["accessToken"] == TOKEN


def test_a_refresh_that_the_configuration_moved_is_answered_at_both_paths() -> None:
    moved = with_refresh_path(DIALECTS["production"], "/auth/renew")
    made = Stub.build(moved, [DIALECTS["production"]], {})
    assert made.methods("/auth/renew") == made.methods("/api/v2/auth/token/refresh") == ("POST",)


# ── what a program makes of it ──────────────────────────────────────────────────────────────────────────────────


def test_the_token_can_be_taken_apart_as_finhubs_and_is_signed_by_nobody() -> None:
    assert jwt.decode(TOKEN, options={"verify_signature": False, "verify_exp": False}) == {
        "iss": "finhub-sidecar",
        "sub": PLACEHOLDER,
        "internalTokenKey": PLACEHOLDER,
        "iat": int(NOW),
        "exp": int(NOW) + LIFETIME,
    }
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(TOKEN, b"a-key-that-is-long-enough-for-hs256", algorithms=["HS256"], options={"verify_exp": False})


def test_the_lifetime_in_milliseconds_fits_into_the_timers_of_old_programs() -> None:
    assert LIFETIME * 1000 < 2**31


def test_no_secret_is_in_an_answer_and_none_is_asked_for_twice() -> None:
    made = of("production", customer_secret="never-shown", tenant_key="never-shown")
    for door in made.doors:
        assert b"never-shown" not in _answer(made, door)
    assert "never-shown" not in repr(made)


def test_what_is_not_configured_is_left_out() -> None:
    assert "tenantId" not in said(Stub.build(DIALECTS["production"], (), {}), "POST", LOGIN)


def test_an_answer_is_told_from_finhubs_by_its_fields_and_kept_by_no_cache() -> None:
    answer = of("production").answer("POST", LOGIN, NOW)
    assert answer is not None
    fields = dict(answer.fields)
    assert fields["Content-Type"] == "application/json"
    assert fields["Cache-Control"] == "no-store"
    assert fields["Proxy-Status"].startswith("finhub-sidecar; details=")


# ── which calls ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "path", "is_login"),
    [
        ("POST", LOGIN, True),
        ("POST", "/API/v2/auth//token", True),
        ("GET", LOGIN, False),
        ("POST", "/api/v2/auth/sandbox/token", True),
        ("POST", "/api/v2/auth/token/refresh", False),
        ("POST", "/api/v2/auth/logout", False),
        ("POST", "/api/other", False),
    ],
)
def test_a_login_is_told_from_the_other_calls(method: str, path: str, is_login: bool) -> None:  # noqa: FBT001  # a table of expectations
    assert of("production").logs_in(method, path) is is_login


def test_another_method_and_another_path_have_no_answer() -> None:
    made = of("production")
    assert made.answer("GET", LOGIN, NOW) is None
    assert made.methods(LOGIN) == ("POST",)
    assert made.answer("POST", "/api/other", NOW) is None
    assert made.methods("/api/other") == ()


# ── a dialect without [stub] ────────────────────────────────────────────────────────────────────────────────────


def test_without_a_stub_everything_lies_where_the_dialect_looks_first() -> None:
    assert said(own('[login]\npath = "/in"\n[logout]\npath = "/out"'), "POST", "/in") == {
        "userSessionToken": TOKEN,
        "refreshToken": PLACEHOLDER,
        "sessionId": PLACEHOLDER,
        "expires_in": LIFETIME,
        "expiresAt": "2027-02-08T08:00:00.000000000",
    }
    assert said(own('[login]\npath = "/in"\n[logout]\npath = "/out"'), "POST", "/out") == {"success": True}


def test_places_may_be_nested_share_a_table_or_a_list_and_get_in_each_others_way() -> None:
    made = own(
        '[login]\npath = "/in"\n[reply]\ntoken = "a.all[].token"\nrefresh_token = "a.all[].refresh"\n'
        'session_id = "a.all"\nexpires_in = "a.left"\nexpires_at = "names[]"'
    )
    assert said(made, "POST", "/in") == {
        "a": {"all": [{"token": TOKEN, "refresh": PLACEHOLDER}], "left": LIFETIME},
        "names": ["2027-02-08T08:00:00.000000000"],
    }


def test_a_stub_of_ones_own_is_filled_however_deep_and_its_refresh_is_as_its_login_unless_it_says_so() -> None:
    made = own(
        '[login]\npath = "/in"\n[refresh]\npath = "/again"\n[stub.login]\nall = ["{token}", "{user_id}", 7]\n'
        'note = "lives {expires_in} s"\n'
    )
    assert said(made, "POST", "/in") == {"all": [TOKEN, 7], "note": f"lives {LIFETIME} s"}
    assert said(made, "POST", "/again") == said(made, "POST", "/in")
    other = own('[login]\npath = "/in"\n[refresh]\npath = "/again"\n[stub.refresh]\nnew = "{token}"\n')
    assert said(other, "POST", "/again") == {"new": TOKEN}
