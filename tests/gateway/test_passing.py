from __future__ import annotations

import pytest

from sidecar.gateway.passing import keys_of, passing
from sidecar.rawfields import names_of

FIELDS = ((b"A", b"1"), (b"Connection", b"x"), (b"b", b"2"), (b"a", b"3"))
KEYS = (b"a", b"connection", b"b", b"a")


@pytest.mark.parametrize(
    ("passes", "named", "left"),
    [
        ({b"a", b"b", b"connection"}, (), FIELDS),
        ({b"a", b"b"}, (), (FIELDS[0], FIELDS[2], FIELDS[3])),
        ({b"a", b"b"}, {b"a"}, (FIELDS[2],)),
        ({b"b"}, (), (FIELDS[2],)),
        ({b"a", b"b"}, {b"a", b"b"}, ()),
        (set(), (), ()),
    ],
)
def test_what_passes_is_picked_untouched_and_in_order(
    passes: set[bytes], named: set[bytes], left: tuple[tuple[bytes, bytes], ...]
) -> None:
    found = passing(KEYS, passes.__contains__, named)
    assert found.pick(FIELDS) == left
    assert found.keys == tuple(name.lower() for name, _ in left)


def test_where_connection_stands_is_told_whether_it_passes_or_not() -> None:
    assert passing(KEYS, lambda _: False).connection == (1,)
    assert passing((b"connection", b"connection"), lambda _: True).connection == (0, 1)
    assert passing((), lambda _: True).connection == ()


def test_the_keys_are_the_names_in_lower_case() -> None:
    assert keys_of(names_of(FIELDS), 4) == list(KEYS)
    assert keys_of(b"", 0) == []


@pytest.mark.parametrize("fields", [((b"A\nB", b"1"),), ((b"A\nB", b"1"), (b"C", b"2"))])
def test_names_with_line_ends_are_never_taken_for_others(fields: tuple[tuple[bytes, bytes], ...]) -> None:
    with pytest.raises(ValueError, match="line end"):
        keys_of(names_of(fields), len(fields))
