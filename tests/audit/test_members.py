from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from told import PLAIN
from trails import NOON

from sidecar import events
from sidecar.audit.members import AUDITED, body_of, note, who

TIME = "2026-05-28T20:26:40.000000Z"

SAMPLES: list[events.Event] = [
    PLAIN,
    events.Minted(tenant="t", kind="login", fingerprint="f" * 12, expires_in=1.0, renew_in=0.5, duration=0.12345678),
    events.MintFailed(
        tenant="t", kind="login", gate="COOLING", cause="dns_error", detail="d", remedy="r", retry_in=1.0
    ),
    events.RefreshFailed(tenant="t", cause="dns_error", detail="d"),
    events.SessionAdopted(
        tenant="t", gate="OPEN", cause="", fingerprint="f" * 12, expires_in=9.0, renew_in=8.0, retry_in=None
    ),
    events.TokenRejected(tenant="t", fingerprint="f" * 12, braked=False),
    events.IdentityLoaded(subject="CN=a", not_after_utc="2027-01-01T00:00:00Z", days_left=3, warnings=("soon",)),
    events.Reloaded(what=("identity",), restart=("listen.address",)),
    events.ReloadFailed(what="ConfigError", detail="d", remedy="r"),
    events.Controlled(action="quit", peer="", uid=1000, status=200, outcome="done"),
    events.Listening(listen="127.0.0.1:1", admin="127.0.0.1:2", environment="production", version="1"),
    events.Draining(why="SIGTERM", in_flight=1, limit=25.0),
    events.Stopped(cut=0),
]


def told(event: events.Event, now: float = NOON) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(f"{{{body_of(event, now)}}}")
    return members


def request(**changes: Any) -> dict[str, Any]:
    return told(dataclasses.replace(PLAIN, **changes))


def test_of_each_event_that_the_trail_holds_there_is_a_sample_here() -> None:
    assert {type(event) for event in SAMPLES} == AUDITED


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_each_event_is_told_with_its_time_and_its_name_first(event: events.Event) -> None:
    members = told(event)
    assert list(members)[:2] == ["time", "event"]
    assert members["time"] == TIME
    assert body_of(event, NOON).isascii()


def test_each_event_has_a_name_of_its_own() -> None:
    assert len({told(event)["event"] for event in SAMPLES}) == len(SAMPLES)


def test_a_request_is_told_with_who_asked_for_what_as_whom_and_what_became_of_it() -> None:
    assert request(tenant="1234567", fingerprint="0123456789ab", peer="127.0.0.1") == {
        "time": TIME,
        "event": "request",
        "request_id": "r-1",
        "tenant": "1234567",
        "session": "0123456789ab",
        "method": "GET",
        "path": "/a",
        "status": 200,
        "upstream_status": 200,
        "attempts": 1,
        "who": "127.0.0.1",
        "outcome": "complete",
    }


def test_a_refused_request_is_told_with_the_reason_and_the_rule() -> None:
    members = request(reason="http_request_denied", rule="host", status=403)
    assert (members["reason"], members["rule"]) == ("http_request_denied", "host")


def test_a_caller_that_sent_nothing_readable_has_neither_method_nor_path() -> None:
    members = request(method="", path="")
    assert {"method", "path", "tenant", "session"}.isdisjoint(members)
    assert members["who"] == "unknown"


def test_ids_in_a_path_are_folded() -> None:
    assert request(path="/api/v2.1/wallets/w-77/balance")["path"] == "/api/v2.1/wallets/*/balance"


def test_a_long_text_is_cut_and_what_a_line_must_not_hold_is_escaped() -> None:
    members = request(path="/" + "a/" * 2000, method="X" * 2000)
    assert (len(members["path"]), len(members["method"])) == (1027, 1027)
    text = body_of(dataclasses.replace(PLAIN, path='/\x7f"\n\u2028\udc80'), NOON)
    assert text.isprintable()
    assert text.isascii()
    assert json.loads(f"{{{text}}}")["path"] == '/\x7f"\n\u2028\udc80'
    assert "\x7f" not in note("x", NOON, {"detail": "\x7f"})


def test_who_asked_is_a_user_where_the_system_tells_one() -> None:
    assert (who("", 1000), who("", 0), who("10.1.2.3", None), who("", None), who(None, None)) == (
        "uid:1000",
        "uid:0",
        "10.1.2.3",
        "unknown",
        "unknown",
    )


def test_a_control_is_told_with_who_pulled_it_and_what_became_of_it() -> None:
    members = told(events.Controlled(action="reload", peer="", uid=1000, status=422, outcome="failed"))
    assert members == {
        "time": TIME,
        "event": "control",
        "action": "reload",
        "who": "uid:1000",
        "status": 422,
        "outcome": "failed",
    }


def test_a_session_is_told_by_the_fingerprint_of_its_token_and_seconds_to_the_millisecond() -> None:
    members = told(SAMPLES[1])
    assert (members["session"], members["duration"]) == ("f" * 12, 0.123)
    assert "fingerprint" not in members


def test_what_is_empty_is_left_out_and_false_and_nought_are_not() -> None:
    assert "restart" not in told(events.Reloaded(what=("CA",)))
    assert told(events.Stopped(cut=0))["cut"] == 0
    assert told(events.TokenRejected(tenant="t", fingerprint="f", braked=False))["braked"] is False


def test_a_line_of_the_trails_own_may_have_no_members() -> None:
    assert note("trail begun", NOON, {}) == f'"time":"{TIME}","event":"trail begun"'


def test_an_instant_is_told_to_the_microsecond_also_where_that_is_nought() -> None:
    assert told(PLAIN, NOON + 0.25)["time"] == "2026-05-28T20:26:40.250000Z"
    assert told(PLAIN, NOON)["time"] == TIME
