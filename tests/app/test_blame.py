from __future__ import annotations

from typing import Any

import pytest
from wellness import failure

from sidecar import errors
from sidecar.app.blame import CONFIGURATION, FINHUB, NETWORK, SIDECAR, WHOSE, whose
from sidecar.session import refusal
from sidecar.session.answer import Kind
from sidecar.wire import tls_causes


@pytest.mark.parametrize(
    ("changes", "culprit"),
    [
        ({"status": 503}, FINHUB),
        ({"status": 500, "cause": "http_protocol_error"}, FINHUB),
        ({"status": 429, "kind": Kind.THROTTLED}, CONFIGURATION),
        ({"status": 404}, CONFIGURATION),
        ({"status": 302}, CONFIGURATION),
        ({"status": 401, "cause": "proxy_configuration_error"}, CONFIGURATION),
        ({"status": 10_001, "cause": "proxy_configuration_error"}, CONFIGURATION),
        ({"status": 200, "cause": refusal.UNREADABLE}, FINHUB),
        ({"status": 0}, NETWORK),
        ({"status": 0, "cause": "dns_error"}, NETWORK),
        ({"status": 0, "cause": "tls_alert_received"}, CONFIGURATION),
        ({"status": 0, "cause": "connection_read_timeout"}, FINHUB),
        ({"status": 0, "cause": "proxy_internal_error"}, SIDECAR),
        ({"status": 0, "cause": "a_name_of_tomorrow"}, FINHUB),
    ],
)
def test_whose_fault_a_failure_is_goes_by_who_answered_and_by_its_name(changes: dict[str, Any], culprit: str) -> None:
    assert whose(failure(**changes)) == culprit


@pytest.mark.parametrize(("verdict", "culprit"), [(10, FINHUB), (23, FINHUB), (9, FINHUB), (20, CONFIGURATION)])
def test_a_certificate_that_only_FinHub_can_mend_is_FinHubs(verdict: int, culprit: str) -> None:  # noqa: N802  # its name
    detail = f"https://api: {tls_causes.VERDICTS[verdict].detail}"
    assert whose(failure(status=0, cause="tls_certificate_error", detail=detail)) == culprit


def kinds(root: type[errors.SidecarError]) -> set[type[errors.SidecarError]]:
    return {root, *(kind for child in root.__subclasses__() for kind in kinds(child))}


def test_every_way_in_which_FinHub_cannot_be_asked_has_a_culprit() -> None:  # noqa: N802  # its name
    names = {kind.proxy_error for kind in kinds(errors.UpstreamError)} | set(refusal.CAUSES.values())
    assert names <= set(WHOSE)
    assert set(WHOSE.values()) == {SIDECAR, FINHUB, CONFIGURATION, NETWORK}
