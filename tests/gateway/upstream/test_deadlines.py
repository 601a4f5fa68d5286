from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from sidecar.gateway.upstream.deadlines import NEVER, Deadlines

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Timer:
    when: float
    fire: Callable[[], None]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


@dataclass
class Loop:
    """Time as a test sets it; `timers` are all that were ever set."""

    now: float = 100.0
    timers: list[Timer] = field(default_factory=list)

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, fire: Callable[[], None]) -> Timer:
        self.timers.append(Timer(when, fire))
        return self.timers[-1]

    def reach(self, now: float) -> None:
        """Let time go on, and fire what is due meanwhile."""
        while due := [timer for timer in self.timers if not timer.is_cancelled and timer.when <= now]:
            first = min(due, key=lambda timer: timer.when)
            self.now, first.is_cancelled = first.when, True
            first.fire()
        self.now = now

    @property
    def set_now(self) -> list[float]:
        return [timer.when for timer in self.timers if not timer.is_cancelled]


@dataclass(eq=False)
class One:
    loop: Loop
    deadline: float = NEVER
    expired_at: list[float] = field(default_factory=list)
    then: Callable[[], None] = lambda: None

    def expire(self) -> None:
        self.expired_at.append(self.loop.now)
        self.then()


def watching(number: int) -> tuple[Loop, Deadlines, list[One]]:
    loop = Loop()
    deadlines = Deadlines(cast("Any", loop))
    ones = [One(loop) for _ in range(number)]
    for one in ones:
        deadlines.watch(one)
    return loop, deadlines, ones


def test_a_thousand_requests_in_a_row_set_one_timer() -> None:
    loop, deadlines, (one,) = watching(1)
    for _ in range(1000):
        loop.now += 0.001
        deadlines.give(one, 30)
        one.deadline = NEVER
    assert len(loop.timers) == 1


def test_each_expires_once_and_at_its_time_whatever_the_order_in_which_they_were_given() -> None:
    loop, deadlines, ones = watching(4)
    for one, seconds in zip(ones, (5, 1, 3, NEVER), strict=True):
        deadlines.give(one, seconds)
    loop.reach(1000)
    assert [one.expired_at for one in ones] == [[105.0], [101.0], [103.0], []]
    assert loop.set_now == []


def test_a_deadline_that_is_set_later_meanwhile_is_kept_as_it_is_then() -> None:
    loop, deadlines, (one,) = watching(1)
    deadlines.give(one, 5)
    loop.reach(104)
    deadlines.give(one, 5)
    loop.reach(108)
    assert one.expired_at == []
    loop.reach(200)
    assert one.expired_at == [109.0]


def test_an_earlier_deadline_than_the_timers_is_kept() -> None:
    loop, deadlines, (one, other) = watching(2)
    deadlines.give(one, 55)
    deadlines.give(other, 0.1)
    loop.reach(100.2)
    assert (other.expired_at, one.expired_at, loop.set_now) == ([100.1], [], [155.0])


def test_what_expires_may_forget_itself_or_be_given_time_again() -> None:
    loop, deadlines, (one, other) = watching(2)
    one.then = lambda: deadlines.forget(one)
    other.then = lambda: deadlines.give(other, 10) if len(other.expired_at) == 1 else None
    deadlines.give(one, 1)
    deadlines.give(other, 1)
    loop.reach(1000)
    assert (one.expired_at, other.expired_at) == ([101.0], [101.0, 111.0])


def test_with_the_last_one_the_timer_ends() -> None:
    loop, deadlines, (one, other) = watching(2)
    deadlines.give(one, 1)
    deadlines.forget(one)
    assert loop.set_now == [101.0]
    deadlines.forget(other)
    assert loop.set_now == []
