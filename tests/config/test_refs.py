from __future__ import annotations

import pytest

from sidecar.config.problems import Unfit
from sidecar.config.refs import EnvRef, FileRef, reference


def test_a_reference_names_a_variable_or_a_file() -> None:
    assert reference({"env": "NAME_1"}) == EnvRef("NAME_1")
    assert reference({"file": "a/b c"}) == FileRef("a/b c")


@pytest.mark.parametrize("ref", [EnvRef("A"), FileRef("b")])
def test_a_reference_is_already_one(ref: EnvRef | FileRef) -> None:
    assert reference(ref) is ref


@pytest.mark.parametrize(
    "value",
    [
        "hunter2",
        12,
        ["hunter2"],
        {},
        {"env": "hunter2 x"},
        {"env": "9hunter2"},
        {"env": 2},
        {"env": ""},
        {"file": ""},
        {"file": "hunter2\n"},
        {"file": None},
        {"env": "A", "file": "b"},
        {"hunter2": "A"},
        {"file": "a", "hunter2": 1},
    ],
)
def test_anything_else_is_refused_and_never_repeated(value: object) -> None:
    with pytest.raises(Unfit) as caught:
        reference(value)
    assert caught.value.found is not None
    assert "hunter2" not in caught.value.found + caught.value.expected
    assert "{ env = " in caught.value.expected or "{ file = " in caught.value.expected


@pytest.mark.parametrize("kind", ["keyring", "command"])
def test_places_of_a_later_version_are_named_as_such(kind: str) -> None:
    with pytest.raises(Unfit, match=f"{kind} is not available in this version"):
        reference({kind: "hunter2"})
