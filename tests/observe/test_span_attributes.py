from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest
import told

from sidecar.observe import span_attributes as words
from sidecar.observe.span_attributes import Place, place_listened_at, place_of

if TYPE_CHECKING:
    from sidecar.events import Forwarded

HERE = Place("127.0.0.1", 8080)
FINHUB = place_of("https://api.finhub.cloud")


def event(**changes: Any) -> Forwarded:
    return dataclasses.replace(told.PLAIN, **changes)


@pytest.mark.parametrize(
    ("origin", "address", "port"),
    [
        ("https://api.finhub.cloud", "api.finhub.cloud", 443),
        ("http://playground.finhub.cloud:8080", "playground.finhub.cloud", 8080),
        ("http://localhost", "localhost", 80),
        ("https://[::1]:9", "::1", 9),
    ],
)
def test_an_origin_is_a_place(origin: str, address: str, port: int) -> None:
    assert place_of(origin) == Place(address, port, origin)
    assert place_of(origin).attributes == {"server.address": address, "server.port": port}


@pytest.mark.parametrize(
    ("listened", "attributes"),
    [
        ("127.0.0.1:8080", {"server.address": "127.0.0.1", "server.port": 8080}),
        ("[::1]:8080", {"server.address": "::1", "server.port": 8080}),
        ("unix:/run/finhub.sock", {"server.address": "/run/finhub.sock"}),
    ],
)
def test_a_listener_is_a_place(listened: str, attributes: dict[str, str | int]) -> None:
    assert place_listened_at(listened).attributes == attributes


@pytest.mark.parametrize(("method", "name"), [("GET", "GET"), ("PATCH", "PATCH"), ("PURGE", "HTTP"), ("", "HTTP")])
def test_a_span_is_named_by_its_method_alone(method: str, name: str) -> None:
    assert words.name_of(method) == name


def test_of_a_request_what_the_log_says_is_said_in_the_conventions_names() -> None:
    assert words.of_request(event(path="/secret"), "/a", HERE) == {
        "http.request.method": "GET",
        "url.path": "/a",
        "url.scheme": "http",
        "server.address": "127.0.0.1",
        "server.port": 8080,
        "http.response.status_code": 200,
        "finhub.request_id": "r-1",
        "finhub.source": "upstream",
        "finhub.outcome": "complete",
    }


def test_what_was_refused_says_by_which_rule_and_why() -> None:
    refused = event(status=403, source="sidecar", reason="http_request_denied", rule="host", replay="token refused")
    assert words.of_request(refused, "/a", HERE).items() >= {
        ("http.response.status_code", 403),
        ("finhub.source", "sidecar"),
        ("finhub.reason", "http_request_denied"),
        ("finhub.rule", "host"),
        ("finhub.replay", "token refused"),
    }


def test_a_status_that_nobody_saw_is_not_told() -> None:
    assert "http.response.status_code" not in words.of_request(event(status=0), "/a", HERE)


def test_a_method_that_the_conventions_do_not_know_is_told_beside_their_word_for_it() -> None:
    told = words.of_request(event(method="PURGE"), "/a", HERE)
    assert (told["http.request.method"], told["http.request.method_original"]) == ("_OTHER", "PURGE")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, ""),
        ({"status": 404}, ""),
        ({"status": 401}, ""),
        ({"status": 500}, "500"),
        ({"status": 503, "reason": "connection_refused"}, "connection_refused"),
        ({"status": 200, "outcome": "aborted", "reason": "connection_terminated"}, "connection_terminated"),
        ({"status": 0, "outcome": "aborted"}, "aborted"),
        ({"status": 0, "outcome": "caller_left"}, ""),
        ({"status": 0, "outcome": "caller_stalled"}, ""),
    ],
)
def test_a_request_failed_where_we_or_FinHub_did_and_not_its_caller(  # noqa: N802  # its name
    changes: dict[str, Any], error: str
) -> None:
    assert words.error_of_request(event(**changes)) == error
    assert words.of_request(event(**changes), "/a", HERE).get("error.type", "") == error


def test_of_a_call_the_whole_address_is_told() -> None:
    assert words.of_call("POST", "/pay", FINHUB, 201, "") == {
        "http.request.method": "POST",
        "url.full": "https://api.finhub.cloud/pay",
        "server.address": "api.finhub.cloud",
        "server.port": 443,
        "network.protocol.version": "1.1",
        "http.response.status_code": 201,
    }


def test_a_call_without_an_answer_says_why() -> None:
    told = words.of_call("GET", "/a", FINHUB, 0, "connection_refused")
    assert told["error.type"] == "connection_refused"
    assert "http.response.status_code" not in told


@pytest.mark.parametrize(("status", "error"), [(200, ""), (399, ""), (400, "400"), (401, "401"), (503, "503")])
def test_to_whom_it_is_answered_a_client_error_is_an_error_too(status: int, error: str) -> None:
    assert words.error_of_status(status) == error
