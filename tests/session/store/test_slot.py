"""The rules of a slot, by the numbers: the clock is handed in."""

from __future__ import annotations

from sidecar.session.store import slot as rules
from sidecar.session.store.slot import Slot
from sidecar.session.store.store import Found

NOW = 1000.0


def taken(holder: str = "a", seconds: float = 5.0, now: float = NOW, slot: Slot | None = None) -> tuple[Slot, int]:
    one, found = rules.take(slot or Slot(), holder, seconds, now)
    return one, found.lease


def test_an_empty_slot_shows_nothing() -> None:
    assert rules.found(Slot(), NOW) == Found()


def test_fences_start_from_the_clock_so_that_they_grow_over_a_loss_of_all() -> None:
    _, first = taken()
    _, later = taken(now=NOW + 1)
    assert (first, later) == (1_000_000, 1_001_000)


def test_fences_grow_where_the_clock_stands_still_or_goes_back() -> None:
    slot, first = taken()
    slot, second = taken(slot=slot)
    _, third = taken(slot=slot, now=NOW - 500)
    assert (second, third) == (first + 1, first + 2)


def test_a_lease_that_runs_is_nobody_elses() -> None:
    slot, _ = taken()
    assert rules.take(slot, "b", 5.0, NOW + 4) == (slot, Found(held_for=1.0))
    _, lease = taken("b", now=NOW + 5, slot=slot)
    assert lease > 0


def test_a_lease_is_renewed_even_late_but_not_once_another_has_it() -> None:
    slot, lease = taken()
    late, held = rules.renewed(slot, "a", lease, 5.0, NOW + 9)
    assert (late.held_until, held) == (NOW + 14, True)
    other, _ = taken("b", now=NOW + 9, slot=slot)
    assert rules.renewed(other, "a", lease, 5.0, NOW + 9) == (other, False)


def test_only_its_holder_gives_a_lease_back() -> None:
    slot, lease = taken()
    assert rules.released(slot, "b", lease) is slot
    assert rules.released(slot, "a", lease - 1) is slot
    assert rules.found(rules.released(slot, "a", lease), NOW).held_for == 0


def test_an_entry_has_an_age_and_an_end() -> None:
    slot, lease = taken()
    slot, put = rules.published(slot, "a", lease, b"x", 10.0, now=NOW)
    assert put
    assert rules.found(slot, NOW + 4) == Found(entry=b"x", fence=lease, age=4.0)
    assert rules.found(slot, NOW + 10) == Found()


def test_an_entry_from_the_future_is_as_young_as_can_be() -> None:
    slot, lease = taken()
    slot, _ = rules.published(slot, "a", lease, b"x", 10.0, now=NOW)
    assert rules.found(slot, NOW - 100).age == 0


def test_an_old_fence_does_not_publish_over_a_newer_one() -> None:
    slot, old = taken()
    slot, new = taken("b", now=NOW + 6, slot=slot)
    slot, _ = rules.published(slot, "b", new, b"new", 10.0, now=NOW + 6)
    assert rules.published(slot, "a", old, b"old", 10.0, now=NOW + 7) == (slot, False)


def test_an_old_fence_that_publishes_first_leaves_the_newer_lease_alone() -> None:
    slot, old = taken()
    slot, _ = taken("b", now=NOW + 6, slot=slot)
    slot, put = rules.published(slot, "a", old, b"old", 10.0, now=NOW + 7)
    assert put
    assert rules.found(slot, NOW + 7).held_for == 4.0
