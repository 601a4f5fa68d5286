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


def test_frozen_it_stands_still_but_for_what_it_is_advanced_by_and_goes_on_from_there() -> None:
    time = [100.0]
    clock = Clock(lambda: time[0], epoch=5000.0)
    clock.freeze()
    time[0] = 200.0
    clock.freeze()
    assert clock.now() == 100.0
    clock.advance(10.0)
    assert clock.now() == 110.0
    clock.thaw()
    clock.thaw()
    assert clock.now() == 110.0
    time[0] = 201.0
    assert clock.now() == 111.0
