from __future__ import annotations

import json

import pytest

from sidecar.emulator.answers import as_json, fincard_refusal, malformed, refusal, said, success


def test_success_wears_the_envelope() -> None:
    answer = success({"a": 1})
    assert (answer.status, json.loads(answer.body)) == (200, {"code": 200, "message": "Success", "data": {"a": 1}})


def test_json_takes_any_status() -> None:
    answer = as_json([1], 418)
    assert (answer.status, answer.body) == (418, b"[1]")
    assert ("Content-Type", "application/json") in answer.fields


@pytest.mark.parametrize(
    ("status", "message"),
    [(401, "The access token has expired, please authenticate again"), (429, "Rate limit exceeded"), (499, "Error")],
)
def test_a_refusal_has_the_code_and_the_usual_message(status: int, message: str) -> None:
    body = json.loads(refusal(status).body)
    assert body["code"] == status
    assert body["message"].startswith(message)
    assert body["data"]["message"] == body["message"]


def test_a_refusal_says_what_it_is_told_to() -> None:
    answer = refusal(429, "Slow down", retry_after=7, errorType="RATE")
    assert ("Retry-After", "7") in answer.fields
    assert json.loads(answer.body) == {
        "code": 429,
        "message": "Slow down",
        "data": {"message": "Slow down", "errorType": "RATE"},
    }


@pytest.mark.parametrize(
    ("status", "sent", "inside"), [(401, 200, 401), (400, 400, None), (429, 429, None), (500, 500, None)]
)
def test_fincard_says_401_inside_a_200_and_everything_else_plainly(status: int, sent: int, inside: int | None) -> None:
    answer = fincard_refusal(status, "No", (("Retry-After", "7"),))
    assert (answer.status, answer.inside, answer.fields) == (sent, inside, (("Retry-After", "7"),))
    assert json.loads(answer.body) == {"success": False, "code": status, "msg": "No"}


def test_what_a_refusal_says_can_be_said_again() -> None:
    assert said(refusal(401, "Not you")) == "Not you"


def test_a_malformed_request_is_told_which_field() -> None:
    answer = malformed("username", "Missing required field: username", "Send it").answer
    data = json.loads(answer.body)["data"]
    assert (answer.status, data["field"], data["suggestions"]) == (400, "username", ["Send it"])
    assert "Missing required field: username" in data["details"]
