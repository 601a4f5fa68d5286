from __future__ import annotations

import dataclasses
import linecache
from typing import TYPE_CHECKING

import pytest

from sidecar import events
from sidecar.redact import is_secret_key

if TYPE_CHECKING:
    from pathlib import Path

KINDS = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, events.Event)]
KINDS.remove(events.Event)


def fallen(depth: int) -> Exception:
    try:
        _fall(depth)
    except ValueError as error:
        return error
    raise AssertionError


def _fall(depth: int) -> None:
    if depth:
        _fall(depth - 1)
    raise ValueError("Bearer of-a-secret")


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_is_a_value_that_nobody_changes(kind: type[events.Event]) -> None:
    assert dataclasses.is_dataclass(kind)
    assert "__slots__" in vars(kind)
    members = {field.name: None for field in dataclasses.fields(kind)}
    event = kind(**members)
    if kind is events.Forwarded:  # one for every request: what freezing costs would be paid each time
        assert all(str(field.type).startswith("Final[") for field in dataclasses.fields(kind))
        return
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(event, next(iter(members)), "other")


@pytest.mark.parametrize("kind", KINDS)
def test_no_member_of_an_event_is_called_as_a_secret_is(kind: type[events.Event]) -> None:
    assert [field.name for field in dataclasses.fields(kind) if is_secret_key(field.name)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_member_of_an_event_takes_the_place_of_what_every_line_has(kind: type[events.Event]) -> None:
    names = {field.name for field in dataclasses.fields(kind)}
    assert names.isdisjoint({"event", "level", "timestamp", "logger"})


def test_an_event_is_told_to_all_in_their_order() -> None:
    told: list[tuple[str, events.Event]] = []
    tell = events.to_all(lambda event: told.append(("first", event)), lambda event: told.append(("second", event)))
    tell(events.Stopped(cut=1))
    assert told == [("first", events.Stopped(cut=1)), ("second", events.Stopped(cut=1))]


def test_a_bug_tells_kind_and_places_innermost_first_and_never_the_text() -> None:
    bug = events.bug(fallen(1), "r-1")
    assert (bug.request_id, bug.kind) == ("r-1", "ValueError")
    assert "of-a-secret" not in repr(bug)
    places = bug.where.split(" < ")
    assert [place.partition(" ")[0] for place in places] == ["_fall", "_fall", "fallen"]
    assert all(place.partition(" ")[2].startswith("(test_events.py:") for place in places)


def test_of_a_runaway_recursion_the_innermost_places_are_told() -> None:
    places = events.bug(fallen(500)).where.split(" < ")
    assert len(places) == 12
    assert {place.partition(" ")[0] for place in places} == {"_fall"}


def test_an_error_that_was_never_raised_has_no_place() -> None:
    assert events.bug(ValueError("x")) == events.Bug(request_id="", kind="ValueError", where="")


async def test_a_bug_is_told_on_the_event_loop_without_reading_a_file(tmp_path: Path) -> None:
    source = tmp_path / "never_read.py"
    source.write_text("raise ValueError('Bearer of-a-secret')\n")
    with pytest.raises(ValueError, match="of-a-secret") as raised:
        exec(compile(source.read_text(), source, "exec"))  # noqa: S102  # a file whose lines no cache holds yet
    assert events.bug(raised.value).where.startswith("<module> (never_read.py:1) < ")
    assert str(source) not in linecache.cache
