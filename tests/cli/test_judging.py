from __future__ import annotations

from typing import Any

import pytest

from sidecar.cli.judging import HOPELESS, code_of_status, why_not

FAILURE = {"error": "connection_refused", "detail": "nobody listens", "remedy": "Start FinHub.", "status": 0}
REJECTED = {"error": "proxy_configuration_error", "detail": "FinHub answered 401", "remedy": "Verify.", "status": 401}
PROXY = {**REJECTED, "detail": "the proxy does not take the credentials", "status": 0}
OLDER = {"error": "proxy_configuration_error", "detail": "FinHub answered 401", "remedy": "Verify."}
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
        (status("BLOCKED", failure=REJECTED), True, "ready", 4),
        (status("BLOCKED", failure=REJECTED), False, "no valid FinHub session (BLOCKED)", 4),
        (status("BLOCKED", failure=OLDER), False, "no valid FinHub session (BLOCKED)", 4),
        (status("BLOCKED", failure=PROXY), True, "ready", 5),
        (status("BLOCKED", failure=PROXY), False, "no valid FinHub session (BLOCKED)", 5),
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


def test_neither_finhub_nor_a_proxy_that_rejects_credentials_is_waited_for() -> None:
    for failure in (REJECTED, PROXY):
        error = why_not(status("BLOCKED", failure=failure), "no valid FinHub session (BLOCKED)")
        assert isinstance(error, HOPELESS)
        assert error.detail.endswith(str(failure["detail"]))
    assert not isinstance(why_not(status("COOLING", failure=FAILURE), NO_SESSION), HOPELESS)


def test_what_has_not_failed_has_a_remedy_all_the_same() -> None:
    assert "Check upstream.url" in why_not(status("MINTING"), "no valid FinHub session (MINTING)").remedy


def several(**states: dict[str, Any]) -> dict[str, Any]:
    sessions = [{"tenant": tenant, **shown["session"]} for tenant, shown in states.items()]
    return {"session": sessions[0], "sessions": sessions}


def test_of_several_tenants_one_that_is_blocked_decides() -> None:
    shown = several(a=status("FRESH"), b=status("COOLING", failure=FAILURE), c=status("BLOCKED", failure=REJECTED))
    reason = "no valid FinHub session (COOLING), tenant b"
    error = why_not(shown, reason)
    assert isinstance(error, HOPELESS)
    assert error.detail == f"{reason}; tenant c: FinHub answered 401"
    assert code_of_status(shown, ready=True, reason="ready") == 4


def test_of_several_tenants_that_are_not_blocked_the_one_that_readiness_names_decides() -> None:
    shown = several(a=status("FRESH"), b=status("COOLING", failure=FAILURE))
    reason = "no valid FinHub session (COOLING), tenant b"
    assert why_not(shown, reason).detail == f"{reason}: nobody listens"
    assert code_of_status(shown, ready=False, reason=reason) == 5
    assert code_of_status(shown, ready=False, reason="the client certificate is out of date, tenant a") == 3
    assert code_of_status(shown, ready=True, reason="ready") == 0
