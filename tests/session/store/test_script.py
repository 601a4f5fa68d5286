"""What the script's replies mean; what it does is in the contract that all engines pass."""

from __future__ import annotations

import pytest

from sidecar.session.store import script
from sidecar.session.store.store import Found, Garbled


def test_a_slot_is_told_in_milliseconds() -> None:
    assert script.found([b"x", 7, 1500, 250, 8]) == Found(entry=b"x", fence=7, age=1.5, held_for=0.25, lease=8)


@pytest.mark.parametrize(
    "reply", [None, 1, b"garbled", [], [b"garbled"], [b"", 0, 0, 0], ["", 0, 0, 0, 0], [b"", b"7", 0, 0, 0]]
)
def test_anything_else_is_garbled(reply: object) -> None:
    with pytest.raises(Garbled, match="makes no sense"):
        script.found(reply)


@pytest.mark.parametrize(("reply", "done"), [(1, True), (0, False), (None, False)])
def test_a_yes_is_one(reply: object, done: bool) -> None:  # noqa: FBT001  # a table's column
    assert script.done(reply) is done


def test_a_list_is_no_answer_to_yes_or_no() -> None:
    with pytest.raises(Garbled):
        script.done([b"garbled"])
