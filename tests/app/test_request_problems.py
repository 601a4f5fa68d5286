from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from wellness import facts, failure

from sidecar.app.request_problems import of_requests

if TYPE_CHECKING:
    from sidecar.app.facts import Problem


def told(**changes: Any) -> list[Problem]:
    return list(of_requests(facts(**changes)))


def only(**changes: Any) -> Problem:
    (problem,) = told(**changes)
    return problem


@pytest.mark.parametrize(
    ("name", "culprit"),
    [("upstream_errors", "FinHub"), ("sidecar_errors", "network"), ("refused", "configuration"), ("replays", "FinHub")],
)
def test_many_bad_requests_are_told_with_their_number_and_few_are_not(name: str, culprit: str) -> None:
    def lately(requests: int, bad: int) -> dict[str, int]:
        return {**facts().lately, "requests": requests, name: bad}

    assert told(lately=lately(100, 4)) == []
    assert told(lately=lately(1001, 50)) == []
    found = only(lately=lately(1000, 50))
    assert (found.severity, found.whose) == ("warning", culprit)
    assert "50 of 1000 requests of the last 5 minutes" in found.what


@pytest.mark.parametrize(
    ("reasons", "words", "culprit", "remedy"),
    [
        ({"connection_refused": 40, "dns_error": 10}, "(connection_refused)", "network", "upstream.url"),
        ({"connection_read_timeout": 50, "http_request_denied": 90}, "(connection_read_timeout)", "FinHub", "effect"),
        ({"connection_limit_reached": 1}, "(connection_limit_reached)", "configuration", "max_connections"),
        ({"tls_alert_received": 9}, "(tls_alert_received)", "configuration", "[identity]"),
        ({"proxy_internal_error": 9}, "(proxy_internal_error)", "sidecar", "log"),
        ({"http_request_denied": 90, "dns_error": 0}, "on the way to FinHub.", "network", "upstream.url"),
    ],
)
def test_what_keeps_requests_from_FinHub_is_named_by_the_most_frequent_reason(  # noqa: N802  # its name
    reasons: dict[str, int], words: str, culprit: str, remedy: str
) -> None:
    found = only(lately={**facts().lately, "sidecar_errors": 50}, reasons=reasons)
    assert (words in found.what, found.whose, remedy in found.remedy) == (True, culprit, True)


@pytest.mark.parametrize("name", ["upstream_errors", "sidecar_errors"])
def test_where_half_of_the_requests_fail_it_is_an_error(name: str) -> None:
    assert only(lately={**facts().lately, "requests": 10, name: 5}).severity == "error"


def test_the_storm_brake_is_told_instead_of_the_replays_that_set_it() -> None:
    found = only(braked=True, lately={**facts().lately, "replays": 100})
    assert (found.whose, "storm brake" in found.what) == ("FinHub", True)


def test_when_requests_wait_for_a_connection_it_says_how_many_there_may_be() -> None:
    found = only(waiting=1)
    assert ("All 100 connections" in found.what, "max_connections" in found.remedy) == (True, True)


def test_where_nothing_is_wrong_nothing_is_told() -> None:
    assert told() == []


def test_what_fails_without_a_session_or_an_audit_trail_is_told_there() -> None:
    failing = {**facts().lately, "sidecar_errors": 900}
    assert told(lately=failing, failure=failure()) == told(lately=failing, barred="no space left") == []
