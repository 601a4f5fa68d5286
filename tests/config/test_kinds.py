from __future__ import annotations

import re

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
    assert TypeAdapter(kinds.Users).validate_python(["app", "1000"]) == ("app", "1000")


@pytest.mark.parametrize("value", ["app", [1000], ["a:b"], None])
def test_users_are_a_list_of_texts(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kinds.Users).validate_python(value)


@pytest.mark.parametrize(
    ("kind", "good", "wrong"),
    [
        (kinds.SocketMode, ["0600", "660"], ["0o600", "00600", "689", "60"]),
        (kinds.SocketOwner, ["app", "app:www", ":www", "1:2"], [":", "app:", "a:b:c", "a b", ""]),
    ],
)
def test_the_schema_tells_the_form_of_a_text_that_is_then_read(kind: object, good: list[str], wrong: list[str]) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(kind)
    pattern = adapter.json_schema()["pattern"]
    for text in good:
        assert re.search(pattern, text)
        adapter.validate_python(text)
    for text in wrong:
        assert not re.search(pattern, text)
        with pytest.raises(ValidationError):
            adapter.validate_python(text)
