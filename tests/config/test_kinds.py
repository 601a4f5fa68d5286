from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from sidecar.config import kinds
from sidecar.config.kinds import Kind


def test_no_two_kinds_share_their_words() -> None:
    assert len({kind.value for kind in Kind}) == len(Kind)


@pytest.mark.parametrize("value", [1, "true", None])
def test_a_flag_is_true_or_false_and_nothing_like_it(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kinds.Flag).validate_python(value)


@pytest.mark.parametrize("value", [True, 1.0, "1"])
def test_a_whole_number_is_nothing_like_one(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kinds.Whole).validate_python(value)


def test_lists_become_tuples() -> None:
    assert TypeAdapter(kinds.Hosts).validate_python(["A", "b"]) == ("a", "b")
