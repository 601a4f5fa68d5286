"""What may stand in a call's template, and what becomes of its references."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # a type of a key
from types import MappingProxyType

import pytest

from sidecar.config.problems import Unfit
from sidecar.config.section import Faults, key
from sidecar.session.template import (
    Json,
    Template,
    body_with,
    fields_with,
    maybe_part,
    one_or_more,
    part,
    paths_with,
    references,
    several,
    substitute,
    text,
)

USER, BOTH = frozenset({"username"}), frozenset({"username", "password"})


class Call(Template):
    """A call that may refer to a user in its path, and to a password besides."""

    path: tuple[str, ...] = key(paths_with(USER))
    fields: Mapping[str, str] = key(fields_with(BOTH), default=MappingProxyType({}))
    body: Mapping[str, Json] | None = key(body_with(BOTH), default=None)


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


def faults(**given: object) -> Faults:
    with pytest.raises(Faults) as caught:
        Call.read({"path": "/a", **given})
    return caught.value


def places(**given: object) -> list[tuple[str, str]]:
    return [(".".join(map(str, fault.place)), fault.unfit.expected) for fault in faults(**given).faults]


@pytest.mark.parametrize(
    ("given", "found", "expected"),
    [
        ({"path": ("/{password}",)}, "{password}", "{username}"),
        ({"body": {"x": ["{token}"]}}, "{token}", "{password} or {username}"),
        ({"fields": {"X-A": "b {token}"}}, "{token}", "{password} or {username}"),
        ({"body": {"x": "{usrename}"}}, "{usrename}", "{username}"),
        ({"body": {"x": "{userName}"}}, "{userName}", "{username}"),
        ({"body": {"x": "{User-Name}"}}, "{User-Name}", "{username}"),
        ({"body": {"x": "{username} {PASSWORD}"}}, "{PASSWORD}", "{password}"),
    ],
)
def test_a_reference_to_what_there_is_not_names_what_was_meant_or_all_there_is(
    given: dict[str, object], found: str, expected: str
) -> None:
    (fault,) = faults(**given).faults
    assert (fault.unfit.found, fault.unfit.expected) == (f"{found}, which cannot be used here", expected)


def test_braces_around_anything_else_are_as_they_stand() -> None:
    body = {"a": "{}", "b": "{not a reference}", "c": "{X}", "d": '{"json": 1}'}
    assert Call(path=("/a",), body=body).body == body


def test_all_mistakes_of_a_call_are_told_at_once() -> None:
    found = faults(
        path=["x", "/{password}"], method="BREW", fields={"Host": "a\n", "X": "{y}"}, body={"a": "{b}", "c": {}}
    )
    assert [".".join(map(str, fault.place)) for fault in found.faults] == [
        "method",
        "path.0",
        "path.1",
        "fields.Host",
        "fields.Host",
        "fields.X",
        "body.a",
    ]


JSON_HAS = "what JSON has: a string, a number, true or false, a list or a table"


@pytest.mark.parametrize(
    ("given", "place", "words"),
    [
        ({"path": 7}, "path", "a string"),
        ({"path": ["/a", 7]}, "path.1", "a string"),
        ({"path": []}, "path", "at least one"),
        ({"method": "BREW"}, "method", "GET, POST, PUT, PATCH or DELETE"),
        ({"fields": 7}, "fields", "a table"),
        ({"fields": {"X-A": 7}}, "fields.X-A", "a string"),
        ({"fields": {"a b": "x"}}, "fields.a b", "the name of a header field"),
        ({"fields": {"Host": "x"}}, "fields.Host", "another field"),
        ({"body": 7}, "body", "a table"),
        ({"body": {"a": b"x"}}, "body.a", JSON_HAS),
        ({"body": {"a": [1, {"b": b"x"}]}}, "body.a.1.b", JSON_HAS),
        ({"body": {"a": [float("nan")]}}, "body.a.0", "a number that JSON has"),
    ],
)
def test_what_cannot_stand_somewhere_is_named_by_its_place(given: dict[str, object], place: str, words: str) -> None:
    assert places(**given) == [(place, words)]


def test_fields_may_refer_to_what_there_is() -> None:
    assert Call(path=("/a",), fields={"X-A": "b {password}"}).fields == {"X-A": "b {password}"}


def test_a_call_may_have_no_body_and_another_method() -> None:
    call = Call(path=("/a",), method="DELETE", body=None)
    assert (call.method, call.body, call.fields) == ("DELETE", None, {})


def test_a_part_is_read_or_taken_as_it_is() -> None:
    call = Call(path=("/a",))
    assert part(Call).read(call) is call
    assert part(Call).read({"path": "/a"}) == call
    for kind in (part(Call), maybe_part(Call)):
        assert kind.section is Call
        with pytest.raises(Unfit, match=r"^a table$"):
            kind.read("hunter2")
    assert maybe_part(Call).read(None) is None


def test_a_list_of_one_may_leave_out_its_brackets_where_there_has_to_be_one() -> None:
    some, any_number = one_or_more(text, type="string"), several(text, type="string")
    assert some.read("a") == some.read(["a"]) == any_number.read(("a",)) == ("a",)
    assert any_number.read([]) == ()
    with pytest.raises(Unfit, match=r"^a list$"):
        any_number.read("a")
    assert some.schema == {"oneOf": [{"type": "string"}, {**any_number.schema, "minItems": 1}]}


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(Faults):
        Call(path=("/a",), verb="GET")  # type: ignore[call-arg]  # the mistake under test
