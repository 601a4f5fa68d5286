from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sidecar.wire import clock

if TYPE_CHECKING:
    import pytest


def test_the_steady_clock_counts_the_time_that_the_machine_sleeps_where_there_is_such_a_clock() -> None:
    kind = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    before = time.clock_gettime(kind)
    assert before <= clock.steady() <= time.clock_gettime(kind)


def test_what_the_machine_slept_is_what_the_one_clock_is_ahead_of_the_other() -> None:
    kind = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    assert abs(clock.slept() - (time.clock_gettime(kind) - time.monotonic())) < 0.1


def test_a_platform_that_does_not_tell_has_not_slept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_BOOT_CLOCK", None)
    assert clock.slept() == 0.0


def test_the_wall_clock_is_in_posix_seconds() -> None:
    before = time.time()
    assert before <= clock.utc_now() <= time.time()
