from __future__ import annotations

from sidecar.events import Forwarded
from sidecar.gateway.record import Record


def record() -> Record:
    return Record(request_id="id-1", method="GET", path="/a", started_at=10.0)


def test_a_request_that_never_got_anywhere_is_told_as_one_without_a_status_or_an_attempt() -> None:
    assert record().told(12.5) == Forwarded(
        request_id="id-1",
        method="GET",
        path="/a",
        status=0,
        upstream_status=0,
        source="sidecar",
        reason="",
        rule="",
        duration=2.5,
        upstream_duration=0.0,
        received=0,
        sent=0,
        attempts=0,
        replay="",
        outcome="complete",
        session_wait=None,
    )


def test_what_was_noted_on_the_way_is_told() -> None:
    noted = record()
    noted.status, noted.source, noted.reason, noted.rule = 502, "upstream", "connection_terminated", "host"
    noted.upstream_status, noted.session_wait = 504, 0.25
    noted.upstream_seconds, noted.received, noted.sent, noted.outcome = 1.5, 7, 9, "aborted"
    told = noted.told(11.0)
    assert (told.status, told.source, told.reason, told.rule) == (502, "upstream", "connection_terminated", "host")
    assert (told.upstream_status, told.session_wait) == (504, 0.25)
    assert (told.upstream_duration, told.received, told.sent, told.outcome) == (1.5, 7, 9, "aborted")


def test_each_time_on_the_wire_counts_as_an_attempt() -> None:
    noted = record()
    noted.attempts = 2
    noted.sendings += ["dead connection", "dead connection"]
    assert noted.told(11.0).attempts == 4


def test_why_a_401_was_replayed_is_told_before_why_a_connection_was_exchanged() -> None:
    noted = record()
    noted.sendings.append("dead connection")
    assert noted.told(11.0).replay == "dead connection"
    noted.replay = "token refused"
    assert noted.told(11.0).replay == "token refused"


def test_a_request_that_was_ended_is_told_by_whom() -> None:
    cut, left = record(), record()
    cut.end()
    left.departure.ends(lambda: None)
    left.departure.happen()
    left.end()
    assert (cut.told(11.0).outcome, left.told(11.0).outcome) == ("aborted", "caller_left")


def test_who_asked_and_as_whom_is_told() -> None:
    noted = record()
    noted.tenant, noted.fingerprint, noted.peer, noted.uid = "1234567", "0123456789ab", "", 1000
    told = noted.told(11.0)
    assert (told.tenant, told.fingerprint, told.peer, told.uid) == ("1234567", "0123456789ab", "", 1000)


def test_two_requests_share_no_list_of_sendings() -> None:
    record().sendings.append("dead connection")
    assert record().sendings == []
