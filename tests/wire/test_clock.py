from __future__ import annotations

import time

from sidecar.wire import clock


def test_the_steady_clock_counts_the_time_that_the_machine_sleeps_where_there_is_such_a_clock() -> None:
    kind = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    before = time.clock_gettime(kind)
    assert before <= clock.steady() <= time.clock_gettime(kind)


def test_the_wall_clock_is_in_posix_seconds() -> None:
    before = time.time()
    assert before <= clock.utc_now() <= time.time()
