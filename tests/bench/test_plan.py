"""How much is measured."""

from __future__ import annotations

from bench.plan import Plan, rotated


def test_a_quick_run_is_one_short_round_of_everything() -> None:
    quick = Plan().quick()
    assert (quick.rounds, quick.seconds) == (1, 1)
    assert quick.callers == Plan().callers
    assert quick.idle == (1, 100)
    assert quick.past == (1_000, 10_000)


def test_each_round_begins_with_another_one() -> None:
    assert [rotated("abc", number) for number in range(4)] == [list("abc"), list("bca"), list("cab"), list("abc")]
    assert rotated((), 2) == []
