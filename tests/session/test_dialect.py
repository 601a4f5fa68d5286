"""A dialect as a value: its paths that are nobody else's, and its refresh as the configuration wants it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidecar.errors import ConfigError
from sidecar.redact import Secret
from sidecar.session.calls import refresh
from sidecar.session.dialect import own_paths, with_refresh_path, without_refresh
from sidecar.session.dialect_file import load
from sidecar.session.token import Token

BEARER = ((b"Authorization", b"Bearer token-value-1"),)


def token(**parts: Any) -> Token:
    return Token(value=Secret("token-value-1"), expires_at=10.0, renew_at=9.0, window=1.0, **parts)


@pytest.mark.parametrize("name", ["production", "playground"])
def test_a_configured_refresh_path_stands_in_and_the_old_one_stays_ours(name: str) -> None:
    own = with_refresh_path(load(name), "/auth/renew")
    call = refresh(own, token(refresh_token=Secret("refresh-1")), {})
    assert call is not None
    assert (call.path, call.fields) == ("/auth/renew", BEARER)
    assert json.loads(call.body) == {"refreshToken": "refresh-1"}
    assert {(None, "/auth/renew"), (None, "/api/v2/auth/token/refresh")} <= set(own_paths(own))


@pytest.mark.parametrize("name", ["production", "fincard"])
def test_a_refresh_that_is_turned_off_is_not_sent_and_its_path_stays_ours(name: str) -> None:
    own = without_refresh(load(name))
    assert refresh(own, token(), {}) is None
    assert set(own_paths(own)) == set(own_paths(load(name)))


@pytest.mark.parametrize("path", ["renew", "/a?b", "/a/../b", "/a//b", "/%2e%2E/a", "/{token}", "/a{user_id}"])
def test_a_refresh_path_that_is_none_is_a_configuration_error(path: str) -> None:
    with pytest.raises(ConfigError, match=r"^session\.refresh\.path: "):
        with_refresh_path(load("production"), path)


def test_the_own_paths_are_those_of_the_whole_generation() -> None:
    classic = {
        "/api/v2/auth/token",
        "/api/v2/auth/sandbox/token",
        "/api/v2/auth/token/refresh",
        "/api/v2/auth/logout",
    }
    for name in ("playground", "integration", "production"):
        assert set(own_paths(load(name))) == {(None, path) for path in classic}
    assert set(own_paths(load("v2.1-admin"))) == set(own_paths(load("v2.1-customer")))
    assert len(own_paths(load("v2.1-admin"))) == 8
    ends_or_renews = {"/api/v2/auth/token/refresh", "/api/v2/auth/logout"}
    assert set(own_paths(load("fincard"))) == {(None, path) for path in ("/api/auth/login", *ends_or_renews)}
    assert {(None, path) for path in ends_or_renews} <= set(own_paths(load("v2.1-admin")))


def test_a_dialect_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="frozen"):
        load("production").name = "other"  # type: ignore[misc]  # the point of the test
