"""Who writes when, in turns of a real loop."""

from __future__ import annotations

import asyncio

from sidecar.gateway.turn import Turn


class Pen:
    """Writes its name."""

    def __init__(self, paper: list[str], name: str) -> None:
        self._paper = paper
        self._name = name

    def write_now(self) -> None:
        self._paper.append(self._name)


class Desk:
    """A turn, and what was written in it."""

    def __init__(self, *, alone: bool = False) -> None:
        self.paper: list[str] = []
        self.alone = alone
        self._turn = Turn(asyncio.get_running_loop(), lambda: self.alone)

    def add(self, *names: str) -> None:
        for name in names:
            self._turn.add(Pen(self.paper, name))

    async def end(self) -> None:
        """Let the turn end."""
        await asyncio.sleep(0)


async def test_all_of_a_turn_are_written_at_its_end_in_their_order() -> None:
    desk = Desk()
    desk.add("one", "two")
    assert desk.paper == []
    await desk.end()
    assert desk.paper == ["one", "two"]
    desk.add("three")
    await desk.end()
    assert desk.paper == ["one", "two", "three"]


async def test_whoever_is_alone_writes_at_once() -> None:
    desk = Desk(alone=True)
    desk.add("one", "two")
    assert desk.paper == ["one", "two"]


async def test_whoever_is_alone_meanwhile_does_not_overtake_those_that_wait() -> None:
    desk = Desk()
    desk.add("one")
    desk.alone = True
    desk.add("two")
    assert desk.paper == []
    await desk.end()
    assert desk.paper == ["one", "two"]


async def test_what_is_added_before_the_end_is_written_before_whatever_else_the_loop_was_told_meanwhile() -> None:
    desk = Desk()
    desk.add("one")
    asyncio.get_running_loop().call_soon(desk.paper.append, "else")
    desk.add("two")
    await desk.end()
    assert desk.paper == ["one", "two", "else"]


async def test_many_do_not_wait_for_the_end_of_a_long_turn() -> None:
    desk = Desk()
    desk.add(*(str(number) for number in range(130)))
    assert len(desk.paper) == 128  # twice 64 together
    await desk.end()
    assert desk.paper == [str(number) for number in range(130)]
