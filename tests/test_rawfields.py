from __future__ import annotations

import pytest

from sidecar.rawfields import first, names_of, values_of

FIELDS = ((b"Date", b" today "), (b"X-A", b"one"), (b"x-a", b"two"))


@pytest.mark.parametrize(("name", "value"), [(b"date", b"today"), (b"x-a", b"one"), (b"x-b", None)])
def test_the_first_field_of_a_name_counts_in_any_case(name: bytes, value: bytes | None) -> None:
    assert first(FIELDS, name) == value


def test_names_and_values_are_looked_at_together() -> None:
    assert names_of(FIELDS) == b"Date\nX-A\nx-a"
    assert values_of(FIELDS) == b" today  one two"
    assert names_of(()) == values_of(()) == b""
