from __future__ import annotations

import pytest

from sidecar.wire import tls_causes
from sidecar.wire.tls_causes import FAILED, FAILURES, NOT_PRESENTED, REFUSALS, UNTRUSTED, VERDICTS, Cause

EVERY = [UNTRUSTED, NOT_PRESENTED, FAILED, *VERDICTS.values(), *REFUSALS.values(), *FAILURES.values()]


@pytest.mark.parametrize("cause", sorted(set(EVERY), key=lambda cause: (cause.detail, cause.remedy)))
def test_every_cause_says_what_it_is_and_what_to_do(cause: Cause) -> None:
    assert cause.detail
    assert not cause.detail.endswith(".")
    assert cause.remedy.endswith(".")


def test_no_cause_is_in_two_tables() -> None:
    assert REFUSALS.keys().isdisjoint(FAILURES)
    assert not any("verif" in cause.remedy and "off" in cause.remedy for cause in EVERY)
    assert tls_causes.BROKEN_OFF in FAILURES.values()
