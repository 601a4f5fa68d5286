"""A grant and a failure are values, and neither shows a secret."""

from __future__ import annotations

import dataclasses

import pytest

from sidecar.redact import Secret
from sidecar.session.answer import Failure, Grant, Kind


def test_a_grant_does_not_show_its_secrets() -> None:
    grant = Grant(
        token=Secret("token-text"),
        lifetime=1800.0,
        refresh_token=Secret("refresh-text"),
        internal_token_key=Secret("key-text"),
    )
    assert not any(text in repr(grant) for text in ("token-text", "refresh-text", "key-text"))


def test_a_failure_is_no_refreshs_unless_the_source_says_so() -> None:
    failure = Failure(kind=Kind.TRANSIENT, cause="destination_unavailable", detail="d", remedy="r")
    assert (failure.of_refresh, failure.status, failure.retry_after) == (False, 0, None)


@pytest.mark.parametrize("kind", [Grant, Failure])
def test_answers_cannot_be_changed(kind: type) -> None:
    assert dataclasses.fields(kind)
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]  # every dataclass has it


@pytest.mark.parametrize(
    ("cause", "status", "unreached"),
    [
        ("dns_error", 0, True),
        ("connection_refused", 0, True),
        ("connection_timeout", 0, True),
        ("destination_unavailable", 0, True),
        ("destination_unavailable", 503, False),
        ("connection_terminated", 0, False),
        ("connection_read_timeout", 0, False),
        ("tls_certificate_error", 0, False),
    ],
)
def test_what_finhub_cannot_have_heard_of_is_known(cause: str, status: int, unreached: bool) -> None:  # noqa: FBT001  # a table's column
    failure = Failure(kind=Kind.TRANSIENT, cause=cause, detail="d", remedy="r", status=status)
    assert failure.unreached is unreached


@pytest.mark.parametrize(
    ("kind", "status", "on_the_way"), [(Kind.FINAL, 0, True), (Kind.FINAL, 401, False), (Kind.TRANSIENT, 0, False)]
)
def test_it_is_known_whether_finhub_or_the_proxy_before_it_said_no(kind: Kind, status: int, on_the_way: bool) -> None:  # noqa: FBT001  # a table's column
    failure = Failure(kind=kind, cause="proxy_configuration_error", detail="d", remedy="r", status=status)
    assert failure.on_the_way is on_the_way
