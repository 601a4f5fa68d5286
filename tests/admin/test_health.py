from __future__ import annotations

from typing import Any

import pytest

from sidecar.admin.health import Health, Vitals, ready, started, worst


def vitals(**changes: Any) -> Vitals:
    well: dict[str, Any] = {
        "started": True,
        "draining": False,
        "identity_in_date": True,
        "token_alive": True,
        "lazy": False,
        "blocked": False,
        "session": "FRESH",
    }
    return Vitals(**{**well, **changes})


def test_started_is_told_by_the_listeners_alone() -> None:
    assert started(vitals(started=False)) == Health(good=False, reason="starting")
    assert started(vitals(token_alive=False, blocked=True, draining=True)) == Health(good=True, reason="started")


@pytest.mark.parametrize(
    ("changes", "good", "reason"),
    [
        ({}, True, "ready"),
        ({"started": False}, False, "starting"),
        ({"draining": True}, False, "draining"),
        ({"identity_in_date": False}, False, "the client certificate is out of date"),
        ({"token_alive": False, "session": "COOLING"}, False, "no valid FinHub session (COOLING)"),
        ({"token_alive": False, "session": "EMPTY", "lazy": True}, True, "ready; logs in when a caller comes"),
        (
            {"token_alive": False, "session": "BLOCKED", "lazy": True, "blocked": True},
            False,
            "no valid FinHub session (BLOCKED)",
        ),
        ({"barred": "the audit trail cannot be written"}, False, "the audit trail cannot be written"),
        ({"blocked": True, "session": "BLOCKED"}, True, "ready"),
        ({"lazy": True, "blocked": True, "session": "BLOCKED"}, True, "ready"),
    ],
)
def test_ready_means_that_a_callers_request_would_be_served_now(
    changes: dict[str, Any],
    good: bool,  # noqa: FBT001  # a table's column
    reason: str,
) -> None:
    assert ready(vitals(**changes)) == Health(good=good, reason=reason)


def test_the_first_reason_is_the_one_that_ends_first() -> None:
    worst = vitals(draining=True, identity_in_date=False, token_alive=False)
    assert ready(worst).reason == "draining"


def test_of_several_tenants_the_first_eager_one_that_is_not_ready_decides_and_is_named() -> None:
    well, ill = vitals(tenant="a"), vitals(tenant="b", token_alive=False, session="COOLING")
    old = vitals(tenant="c", identity_in_date=False)
    assert ready(worst([well, ill, old])).reason == "no valid FinHub session (COOLING), tenant b"
    assert ready(worst([well, old, ill])).reason == "the client certificate is out of date, tenant c"
    assert ready(worst([well, well])) == Health(good=True, reason="ready")


def test_lazy_ones_are_not_waited_for_unless_there_is_no_other_tenant_at_all() -> None:
    lazy = vitals(tenant="b", lazy=True, token_alive=False, blocked=True, identity_in_date=False, session="BLOCKED")
    assert ready(worst([vitals(tenant="a"), lazy])).good
    assert ready(worst([lazy, lazy])).reason == "ready; logs in when a caller comes"
    assert not ready(worst([lazy])).good
    assert ready(worst([vitals(draining=True, lazy=True), lazy])).reason == "draining"
