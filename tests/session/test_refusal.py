"""CONTRACT §5 row by row: what kind of no a status is, and what a person can do about it."""

from __future__ import annotations

import pytest

from sidecar.session.answer import Kind
from sidecar.session.refusal import (
    LOGIN,
    REFRESH,
    refused,
    refused_certificate,
    refused_inside,
    speaks_of_certificate,
    unreadable,
    unsuccessful,
)

LOGIN_ROWS = [
    (400, Kind.FINAL, "proxy_configuration_error", "session.dialect"),
    (401, Kind.FINAL, "proxy_configuration_error", "credentials.password"),
    (403, Kind.FINAL, "proxy_configuration_error", "[identity]"),
    (404, Kind.TRANSIENT, "destination_unavailable", "session.url"),
    (422, Kind.FINAL, "proxy_configuration_error", "session.dialect"),
    (423, Kind.FINAL, "proxy_configuration_error", "locked"),
    (429, Kind.THROTTLED, "destination_unavailable", "how often"),
    (302, Kind.TRANSIENT, "destination_unavailable", "redirects"),
    (500, Kind.TRANSIENT, "destination_unavailable", "support"),
    (503, Kind.TRANSIENT, "destination_unavailable", "support"),
]


@pytest.mark.parametrize(("status", "kind", "cause", "remedy"), LOGIN_ROWS)
def test_what_a_status_means_at_the_login(status: int, kind: Kind, cause: str, remedy: str) -> None:
    failure = refused(LOGIN, status, (), None, 0.0)
    assert (failure.kind, failure.cause, failure.status) == (kind, cause, status)
    assert remedy in failure.remedy
    assert failure.detail == f"FinHub answered {status} to the login"


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_refresh_that_is_not_there_is_unsupported(status: int) -> None:
    assert refused(REFRESH, status, (), None, 0.0).kind is Kind.UNSUPPORTED


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_refresh_asks_nothing_of_anybody(status: int) -> None:
    failure = refused(REFRESH, status, (), None, 0.0)
    assert failure.kind is Kind.FINAL
    assert failure.remedy.startswith("Nothing")


def test_retry_after_is_obeyed_where_asking_again_makes_sense() -> None:
    fields = ((b"Retry-After", b"7"),)
    assert refused(LOGIN, 429, fields, None, 0.0).retry_after == 7.0
    assert refused(LOGIN, 503, fields, None, 0.0).retry_after == 7.0
    assert refused(LOGIN, 401, fields, None, 0.0).retry_after is None


def test_what_finhub_says_itself_is_told_and_a_named_field_is_named() -> None:
    document = {"code": 400, "message": "Validation failed", "data": {"field": "accountType", "details": "x"}}
    failure = refused(LOGIN, 400, (), document, 0.0)
    assert "Validation failed" in failure.detail
    assert failure.remedy.endswith("FinHub names the field accountType.")


@pytest.mark.parametrize(
    ("status", "body", "speaks"),
    [
        (400, b"<html>400 No required SSL certificate was sent</html>", True),
        (400, b"<html>The SSL certificate error</html>", True),
        (400, b'{"code":400}', False),
        (403, b"No required SSL certificate was sent", False),
        (400, b" " * 5000 + b"No required SSL certificate was sent", False),
    ],
)
def test_a_terminators_refusal_of_the_certificate_is_recognized(status: int, body: bytes, speaks: bool) -> None:  # noqa: FBT001  # a row of the table
    assert speaks_of_certificate(status, body) is speaks


def test_a_refused_certificate_is_final_and_names_the_identity() -> None:
    failure = refused_certificate(LOGIN, 400)
    assert failure.kind is Kind.FINAL
    assert "[identity]" in failure.remedy


@pytest.mark.parametrize(
    ("code", "kind"),
    [(401, Kind.FINAL), (429, Kind.THROTTLED), (500, Kind.TRANSIENT), (599, Kind.TRANSIENT), (404, Kind.FINAL)],
)
def test_a_no_inside_a_yes_is_tried_again_only_where_it_cannot_be_the_credentials(code: int, kind: Kind) -> None:
    assert refused_inside(LOGIN, code, (), None, 0.0).kind is kind


def test_a_code_that_nobody_knows_is_final_and_says_that_the_account_may_be_at_stake() -> None:
    failure = refused_inside(LOGIN, 10_001, (), {"success": False, "code": 10_001, "msg": "no entry"}, 0.0)
    assert (failure.kind, failure.cause, failure.status) == (Kind.FINAL, "proxy_configuration_error", 10_001)
    assert failure.detail == 'FinHub answered 10001 to the login: "no entry"'
    assert "five failures lock the account" in failure.remedy


def test_no_success_and_no_code_is_final_too() -> None:
    failure = unsuccessful(LOGIN, 200, {"success": False, "msg": "later"})
    assert (failure.kind, failure.status) == (Kind.FINAL, 200)
    assert failure.detail == 'FinHub answered 200 to the login, without success: "later"'
    assert "five failures lock the account" in failure.remedy


def test_an_unclear_no_to_a_refresh_is_followed_by_a_login() -> None:
    assert unsuccessful(REFRESH, 200, None).remedy.startswith("Nothing: the sidecar logs in instead")


def test_an_unreadable_reply_is_transient_and_says_why() -> None:
    failure = unreadable(LOGIN, 200, "is not JSON")
    assert (failure.kind, failure.cause) == (Kind.TRANSIENT, "http_protocol_error")
    assert failure.detail.endswith("the reply is not JSON")
