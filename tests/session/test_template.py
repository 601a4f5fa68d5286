"""What may stand in a call's template, and what becomes of its references."""

from __future__ import annotations

from typing import ClassVar

import pytest

from sidecar.config.problems import Unfit
from sidecar.config.section import Faults
from sidecar.session.template import Template, part, references, substitute


class Call(Template):
    """A call that may refer to a user in its path, and to a password besides."""

    names: ClassVar[frozenset[str]] = frozenset({"username", "password"})
    names_in_path: ClassVar[frozenset[str]] = frozenset({"username"})


def test_references_are_found_however_deep_they_are_nested() -> None:
    assert list(references({"a": "{one}", "b": [{"c": "x{two}y{three}"}, 5, None], "d": True})) == [
        "one",
        "two",
        "three",
    ]


@pytest.mark.parametrize(
    ("template", "filled"),
    [("{a}/{b}", "1/2"), ("no reference", "no reference"), ("{a}{a}", "11"), ("{missing}", None), ("{A}", "{A}")],
)
def test_a_template_is_filled_or_not_usable_at_all(template: str, filled: str | None) -> None:
    assert substitute(template, {"a": "1", "b": "2"}) == filled


def test_one_path_need_not_stand_in_a_list() -> None:
    assert Call(path="/users/{username}").path == ("/users/{username}",)  # type: ignore[arg-type]  # as a file writes it


@pytest.mark.parametrize(
    "path", ["login", "", "/a/../b", "/a/%2e%2E", "/a?b=c", "/a b", "/a{username}b", "/{user name}"]
)
def test_what_is_no_plain_path_is_refused(path: str) -> None:
    with pytest.raises(Faults):
        Call(path=(path,))


@pytest.mark.parametrize(
    ("name", "value"),
    [("Host", "x"), ("content-length", "1"), ("Proxy-Foo", "x"), ("a b", "x"), ("X-A", ""), ("X-A", "a\r\nb")],
)
def test_a_field_that_frames_the_message_or_is_no_field_is_refused(name: str, value: str) -> None:
    with pytest.raises(Faults):
        Call(path=("/a",), fields={name: value})


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
def test_a_number_that_json_does_not_have_is_refused_wherever_it_stands(number: float) -> None:
    with pytest.raises(Faults):
        Call(path=("/a",), body={"list": [{"deep": number}]})


def test_what_json_has_may_stand_in_a_body() -> None:
    body = {"text": "{password}", "number": 1.5, "flag": True, "nothing": None, "list": ["{username}"]}
    assert Call(path=("/a",), body=body).body == body


@pytest.mark.parametrize(
    "more",
    [
        {"path": ("/{password}",)},
        {"path": ("/a",), "body": {"x": "{token}"}},
        {"path": ("/a",), "fields": {"X-A": "{token}"}},
    ],
)
def test_a_reference_to_what_there_is_not_names_what_there_is(more: dict[str, object]) -> None:
    with pytest.raises(Faults, match=r"there are .*username"):
        Call(**more)  # type: ignore[arg-type]  # rows of different shapes


def places(**given: object) -> list[tuple[str, str]]:
    with pytest.raises(Faults) as caught:
        Call.read({"path": "/a", **given})
    return [(".".join(map(str, fault.place)), fault.unfit.expected) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("given", "place", "words"),
    [
        ({"path": 7}, "path", "Input should be a valid tuple"),
        ({"path": ["/a", 7]}, "path.1", "Input should be a valid string"),
        ({"path": []}, "path", "Value should have at least 1 item after validation, not 0"),
        ({"method": "BREW"}, "method", "Input should be 'GET', 'POST', 'PUT', 'PATCH' or 'DELETE'"),
        ({"fields": 7}, "fields", "Input should be a valid dictionary"),
        ({"fields": {"X-A": 7}}, "fields.X-A", "Input should be a valid string"),
        ({"body": 7}, "body", "Input should be a valid dictionary"),
        ({"body": {"a": b"x"}}, "body.a", "input was not a valid JSON value"),
        ({"body": {"a": [1, {"b": b"x"}]}}, "body.a.list.1.dict.b", "input was not a valid JSON value"),
    ],
)
def test_what_cannot_stand_somewhere_is_named_by_its_place(given: dict[str, object], place: str, words: str) -> None:
    assert places(**given) == [(place, words)]


def test_a_call_may_have_no_body_and_another_method() -> None:
    call = Call(path=("/a",), method="DELETE", body=None)
    assert (call.method, call.body, call.fields) == ("DELETE", None, {})


def test_a_part_is_read_or_taken_as_it_is() -> None:
    call = Call(path=("/a",))
    assert part(Call).read(call) is call
    assert part(Call).read({"path": "/a"}) == call
    with pytest.raises(Unfit, match=r"^Input should be a valid dictionary or instance of Call$"):
        part(Call).read("hunter2")


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(Faults):
        Call(path=("/a",), verb="GET")  # type: ignore[call-arg]  # the mistake under test
