from __future__ import annotations

from sidecar.emulator.clock import Clock


def test_time_can_be_pushed_and_the_wall_clock_runs_along() -> None:
    ticks = iter([100.0, 100.0, 101.0, 103.0])
    clock = Clock(lambda: next(ticks), epoch=5000.0)
    assert clock.now() == 100.0
    clock.advance(60.0)
    assert clock.now() == 161.0
    instant = clock.instant()
    assert (instant.now, instant.utc) == (163.0, 5063.0)
