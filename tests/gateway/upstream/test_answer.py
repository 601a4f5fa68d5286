from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from sidecar.gateway.upstream.answer import HELD, Answer


class Line:
    """A connection of which an answer asks one thing."""

    read_on_again = 0

    def read_on(self) -> None:
        self.read_on_again += 1


def answer_over(line: Line) -> Answer:
    return Answer(cast("Any", line), bodiless=False)


def test_what_is_here_is_taken_once_and_one_part_is_not_copied() -> None:
    answer = answer_over(Line())
    part = bytes(1000)
    answer.parts, answer.held = [part], 1000
    assert answer.take() is part
    answer.parts, answer.held = [b"a", b"b"], 2
    assert (answer.take(), answer.take(), answer.held) == (b"ab", b"", 0)


@pytest.mark.parametrize(("held", "again"), [(HELD, 0), (HELD + 1, 1)])
def test_once_too_much_was_held_taking_it_lets_more_come(held: int, again: int) -> None:
    line = Line()
    answer = answer_over(line)
    answer.held = held
    answer.take()
    assert line.read_on_again == again


def test_the_first_failure_counts_and_none_behind_the_end() -> None:
    answer = answer_over(Line())
    answer.fail(TimeoutError())
    answer.fail(OSError())
    assert isinstance(answer.failure, TimeoutError)
    whole = answer_over(Line())
    whole.ended = True
    whole.fail(OSError())
    assert whole.failure is None


async def test_whoever_waits_is_woken_once_and_may_go_away() -> None:
    answer = answer_over(Line())
    loop = asyncio.get_running_loop()
    waiting = answer.more(loop)
    answer.wake()
    answer.wake()
    await waiting
    leaving = answer.more(loop)
    leaving.cancel()
    answer.wake()
    assert leaving.cancelled()
