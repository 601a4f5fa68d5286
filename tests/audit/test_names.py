from __future__ import annotations

import pytest

from sidecar.audit.names import numbered, numbers


def test_an_ended_file_has_its_number_behind_its_name() -> None:
    assert numbered("audit.jsonl", 3) == "audit.jsonl.3"


def test_the_ended_files_are_found_oldest_first_by_their_number() -> None:
    names = ["a.10", "a", "a.9", "a.lock", "b.1", "a.2"]
    assert numbers("a", names) == [2, 9, 10]


@pytest.mark.parametrize(
    "name",
    ["a", "a.", "a.0", "a.01", "a.1x", "a.-1", "a.+1", "a.\u0661", "a.\u00b2", "a.1.1", "b.1", "xa.1", "a1", "1"],
)
def test_other_files_are_none_of_them(name: str) -> None:
    assert numbers("a", [name]) == []
