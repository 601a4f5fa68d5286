from __future__ import annotations

from typing import Any

import pytest
from wellness import NOON, facts, failure

from sidecar import errors
from sidecar.app.diagnosis import problems
from sidecar.events import Bug
from sidecar.session.answer import Kind


def only(**changes: Any) -> dict[str, str]:
    (problem,) = problems(facts(**changes))
    return problem


# ── the session ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_where_nothing_is_wrong_nothing_is_told() -> None:
    assert problems(facts()) == []


def test_a_rejected_login_is_an_error_with_the_failures_own_remedy_and_the_next_try() -> None:
    assert only(
        state="BLOCKED",
        token_ends=None,
        tries_at=NOON + 1800,
        failure=failure(kind=Kind.FINAL, cause="proxy_configuration_error", detail="FinHub said no", status=401),
    ) == {
        "severity": "error",
        "what": "There is no valid FinHub session, requests get 503: FinHub said no. "
        "It is tried again at 12:30:00 UTC.",
        "whose": "configuration",
        "remedy": "Wait.",
    }


def test_while_a_token_lives_a_failed_renewal_is_a_warning_that_says_until_when() -> None:
    found = only(state="COOLING", tries_at=NOON + 5, failure=failure())
    assert (found["severity"], found["whose"]) == ("warning", "FinHub")
    assert found["what"] == (
        "The FinHub session cannot be renewed: FinHub answered 503 to the login. "
        "The token in use serves until 2027-01-15 12:10 UTC. It is tried again at 12:00:05 UTC."
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": "MINTING"}, "It is being tried again now."),
        ({"state": "EXPIRED"}, "It is about to be tried again."),
        ({"state": "EXPIRED", "lazy": True}, "The next request tries again."),
    ],
)
def test_what_comes_next_is_told_in_every_state(changes: dict[str, Any], words: str) -> None:
    assert only(token_ends=None, failure=failure(), **changes)["what"].endswith(words)


def test_a_login_that_is_not_answered_is_FinHubs_after_a_moment() -> None:  # noqa: N802  # its name
    minting: dict[str, Any] = {"state": "MINTING", "token_ends": None}
    assert problems(facts(**minting, for_seconds=3.0)) == []
    found = only(**minting, for_seconds=3.1)
    assert (found["severity"], found["whose"]) == ("error", "FinHub")
    assert only(**minting, for_seconds=3.1, lazy=True)["severity"] == "warning"  # ready: nobody has asked yet


def test_an_eager_session_that_stands_still_without_a_token_is_the_sidecars_own_fault() -> None:
    assert problems(facts(state="EXPIRED", token_ends=None, for_seconds=20.0)) == []
    found = only(state="EXPIRED", token_ends=None, for_seconds=20.1)
    assert (found["severity"], found["whose"]) == ("error", "sidecar")
    assert "reauthenticate" in found["remedy"]


def test_a_lazy_session_that_nobody_needs_is_all_right() -> None:
    assert problems(facts(state="EMPTY", token_ends=None, for_seconds=9999.0, lazy=True)) == []


# ── the identity ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("days", "severity", "words", "remedy"),
    [
        (-1, "error", "expired on 2027-01-15 12:00 UTC", "Put the new"),
        (0, "warning", "expires within a day", "Now: put the new"),
        (1, "warning", "expires in 1 day,", "Now: put the new"),
        (6, "warning", "expires in 6 days,", "Now: put the new"),
        (7, "warning", "expires in 7 days,", "Put the new"),
        (29, "warning", "expires in 29 days,", "Put the new"),
    ],
)
def test_a_certificate_that_runs_out_is_told_in_time(days: int, severity: str, words: str, remedy: str) -> None:
    found = only(certificate_days=days, certificate_ends=NOON)
    assert (found["severity"], found["whose"]) == (severity, "configuration")
    assert words in found["what"]
    assert found["remedy"].startswith(remedy)


@pytest.mark.parametrize("changes", [{"certificate_days": 30}, {"certificate_days": None, "certificate_ends": None}])
def test_a_certificate_in_date_and_none_at_all_are_no_problem(changes: dict[str, Any]) -> None:
    assert problems(facts(**changes)) == []


# ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_missing_session_costs_is_not_told_twice() -> None:
    lately = {**facts().lately, "sidecar_errors": 900}
    found = only(state="COOLING", token_ends=None, failure=failure(), lately=lately)
    assert "no valid FinHub session" in found["what"]


def test_what_is_wrong_with_requests_is_told_with_the_rest() -> None:
    assert "All 100 connections" in only(waiting=1)["what"]


# ── the process ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_going_down_is_told() -> None:
    assert "going down" in only(draining=True)["what"]


def test_a_file_that_cannot_be_used_is_told_with_its_own_remedy() -> None:
    found = only(broken=errors.SecretError("credentials.password is empty", remedy="Fill it."))
    assert (found["severity"], found["whose"], found["remedy"]) == ("warning", "configuration", "Fill it.")
    assert found["what"].endswith("credentials.password is empty")


def test_an_audit_trail_that_cannot_be_written_is_a_warning_and_an_error_where_it_bars_requests() -> None:
    found = only(audit="no space left on the device")
    assert (found["severity"], "no space left on the device" in found["what"]) == ("warning", True)
    failing = {**facts().lately, "sidecar_errors": 900}
    found = only(audit="no space left", barred="the audit trail cannot be written: no space left", lately=failing)
    assert (found["severity"], found["whose"]) == ("error", "configuration")
    assert found["what"] == "No request is carried, all get 503: the audit trail cannot be written: no space left."


def test_a_part_that_has_ended_is_an_error_of_the_sidecars_own() -> None:
    found = only(works=False)
    assert (found["severity"], found["whose"], "restart" in found["remedy"]) == ("error", "sidecar", True)


def test_a_bug_is_the_sidecars_own() -> None:
    found = only(bug=Bug(request_id="", kind="ValueError", where="f (m.py:3)"))
    assert (found["whose"], "ValueError in f (m.py:3)" in found["what"]) == ("sidecar", True)


def test_errors_come_first_and_each_problem_has_the_same_four_members() -> None:
    found = problems(facts(draining=True, certificate_days=3, barred="full", braked=True))
    assert [problem["severity"] for problem in found] == ["error", "warning", "warning", "warning"]
    assert {frozenset(problem) for problem in found} == {frozenset({"severity", "what", "whose", "remedy"})}
    assert all(problem["what"] and problem["remedy"] for problem in found)
