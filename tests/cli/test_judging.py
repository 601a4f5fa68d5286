from __future__ import annotations

from typing import Any

import pytest

from sidecar.cli.judging import code_of_status, why_not

FAILURE = {"error": "connection_refused", "detail": "nobody listens", "remedy": "Start FinHub.", "status": 0}
NO_SESSION = "no valid FinHub session (COOLING)"


def status(state: str, *, days: int | None = 90, failure: dict[str, Any] | None = None) -> dict[str, Any]:
    identity = None if days is None else {"days_left": days}
    return {"session": {"state": state, "last_error": failure}, "identity": identity}


@pytest.mark.parametrize(
    ("shown", "ready", "reason", "code"),
    [
        (status("FRESH"), True, "ready", 0),
        (status("COOLING", failure=FAILURE), True, "ready", 0),
        (status("EMPTY", days=None), True, "ready; logs in when a caller comes", 0),
        (status("BLOCKED", failure=FAILURE), True, "ready", 4),
        (status("BLOCKED", failure=FAILURE), False, "no valid FinHub session (BLOCKED)", 4),
        (status("COOLING", failure=FAILURE), False, NO_SESSION, 5),
        (status("MINTING"), False, "no valid FinHub session (MINTING)", 5),
        (status("FRESH", days=-1), False, "the client certificate is out of date", 3),
        (status("EMPTY"), False, "starting", 1),
        (status("FRESH"), False, "draining", 1),
        ({}, False, NO_SESSION, 5),
    ],
)
def test_the_exit_code_says_whose_turn_it_is(shown: dict[str, Any], ready: bool, reason: str, code: int) -> None:  # noqa: FBT001  # a table's column
    assert code_of_status(shown, ready=ready, reason=reason) == code


def test_what_failed_last_is_told_with_its_remedy() -> None:
    error = why_not(status("COOLING", failure=FAILURE), NO_SESSION)
    assert (error.detail, error.remedy) == (f"{NO_SESSION}: nobody listens", "Start FinHub.")


def test_what_has_not_failed_has_a_remedy_all_the_same() -> None:
    assert "Check upstream.url" in why_not(status("MINTING"), "no valid FinHub session (MINTING)").remedy
