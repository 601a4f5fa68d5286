from __future__ import annotations

import json
from typing import Any

from sidecar import errors, problem
from sidecar.redact import Secret


def told(error: errors.SidecarError, request_id: str = "r-1", **more: Any) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(problem.body(error, request_id, **more))
    return members


def test_a_problem_says_what_happened_and_what_to_do() -> None:
    error = errors.DnsError("https://finhub.example: the host name does not resolve", remedy="Ask Ann.")
    assert told(error) == {
        "type": "urn:finhub-sidecar:problem:dns_error",
        "title": "FinHub cannot be reached",
        "status": 502,
        "detail": "https://finhub.example: the host name does not resolve",
        "remedy": "Ask Ann.",
        "request_id": "r-1",
    }


def test_the_status_is_the_replys_where_it_is_not_the_errors() -> None:
    assert told(errors.ConfigError("x"), status=422)["status"] == 422


def test_outside_a_callers_request_there_is_no_request_id() -> None:
    assert "request_id" not in told(errors.ConfigError("x"), request_id="")


def test_a_living_secret_is_neither_in_the_detail_nor_in_the_remedy() -> None:
    secret = Secret("correct-horse")
    members = told(errors.ConfigError("found correct-horse", remedy="Not correct-horse."))
    assert (members["detail"], members["remedy"]) == ("found [redacted]", "Not [redacted].")
    assert secret


def test_a_detail_with_bytes_that_are_no_text_still_makes_a_reply() -> None:
    assert told(errors.MalformedRequest("caf\udce9"))["detail"] == "caf\udce9"


def test_the_fields_name_the_proxy_and_forbid_storing() -> None:
    assert problem.fields(errors.ConnectionRefused("x")) == {
        "Content-Type": "application/problem+json",
        "Cache-Control": "no-store",
        "Proxy-Status": "finhub-sidecar; error=connection_refused",
    }


def test_who_asks_for_patience_says_so_in_whole_seconds() -> None:
    error = errors.TokenUnavailable("x", cause="dns_error", retry_after=7)
    assert problem.fields(error)["Retry-After"] == "7"


def test_the_whole_reply_is_the_fields_and_the_body_under_the_errors_status_or_another() -> None:
    error = errors.TokenUnavailable("x", cause="dns_error", retry_after=7)
    for status, more in ((503, {}), (422, {"status": 422})):
        whole = problem.answer(error, "r-1", **more)
        assert whole.status == status
        assert dict(whole.fields) == problem.fields(error)
        assert whole.body == problem.body(error, "r-1", **more)
