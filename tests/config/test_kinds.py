from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from sidecar.config import kinds
from sidecar.config.finhub_side import FieldRule
from sidecar.config.kinds import Kind
from sidecar.config.problems import Unfit
from sidecar.config.section import Faults, Section, key

if TYPE_CHECKING:
    from sidecar.config.section import Place, Type


class Small(Section):
    """A table of one key."""

    flag: bool = key(kinds.FLAG, default=False)


def refused(of: Type[Any], value: object) -> Unfit:
    with pytest.raises(Unfit) as caught:
        of.read(value)
    return caught.value


def places(of: Type[Any], value: object) -> list[Place]:
    with pytest.raises(Faults) as caught:
        of.read(value)
    return [fault.place for fault in caught.value.faults]


def test_no_two_kinds_share_their_words() -> None:
    assert len({kind.value for kind in Kind}) == len(Kind)


@pytest.mark.parametrize("value", [1, "true", None])
def test_a_flag_is_true_or_false_and_nothing_like_it(value: object) -> None:
    assert refused(kinds.FLAG, value).expected == "true or false"
    assert kinds.FLAG.read(True) is True  # noqa: FBT003  # a value that is read


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "a whole number"),
        (1.0, "a whole number"),
        ("1", "a whole number"),
        (0, "greater than or equal to 1"),
        (4, "less than or equal to 3"),
    ],
)
def test_a_whole_number_is_nothing_like_one_and_within_its_bounds(value: object, expected: str) -> None:
    assert refused(kinds.whole(1, 3), value).expected == expected
    assert [kinds.whole(1, 3).read(number) for number in (1, 3)] == [1, 3]


@pytest.mark.parametrize("value", [True, False, -1, 0.001, 100_001, "0", float("nan"), float("inf")])
def test_a_rate_is_zero_or_a_number_of_some_size(value: object) -> None:
    assert refused(kinds.RATE, value).expected == "0, or 0.01 to 100000"
    assert [kinds.RATE.read(rate) for rate in (0, 0.01, 5, 100_000)] == [0, 0.01, 5, 100_000]


@pytest.mark.parametrize("value", ["A", "", 1, None, ["a"]])
def test_a_choice_is_one_of_its_words(value: object) -> None:
    words = kinds.choice("a", "b", "c")
    assert refused(words, value).expected == '"a", "b" or "c"'
    assert words.read("b") == "b"
    assert words.schema == {"enum": ["a", "b", "c"], "type": "string"}
    assert kinds.choice("a").schema == {"const": "a", "type": "string"}


def test_what_may_be_missing_is_else_what_it_is() -> None:
    assert (kinds.maybe(kinds.FLAG).read(None), kinds.maybe(kinds.FLAG).read(True)) == (None, True)  # noqa: FBT003  # as above
    refused(kinds.maybe(kinds.FLAG), 1)
    assert kinds.maybe(kinds.choice("a")).choices == ("a",)


def test_lists_become_tuples() -> None:
    assert kinds.HOSTS.read(["A", "b"]) == ("a", "b")
    assert kinds.USERS.read(("app", "1000")) == ("app", "1000")


@pytest.mark.parametrize(("value", "found"), [("app", "a string"), ({"a": 1}, "a table"), (3, "an integer")])
def test_a_list_is_nothing_like_one_and_what_stands_there_is_not_shown(value: object, found: str) -> None:
    unfit = refused(kinds.USERS, value)
    assert (unfit.expected, unfit.found) == ('a list, such as ["a", "b"]', found)


def test_each_entry_of_a_list_is_looked_at() -> None:
    assert places(kinds.USERS, ["a", 1000, "b", "c:d"]) == [(1,), (3,)]
    assert places(kinds.RULES, ["x"]) == [(0,)]


def test_there_is_one_rule_at_least() -> None:
    assert refused(kinds.RULES, []).found == "an empty list"
    assert kinds.RULES.read(["get /a"]) == ("GET /a",)


def test_the_protocols_that_may_be_switched_to_are_named_one_by_one() -> None:
    assert kinds.PROTOCOLS.read([]) == ()
    assert kinds.PROTOCOLS.read(["websocket"]) == ("websocket",)
    assert places(kinds.PROTOCOLS, ["websocket", "h2c", 3, "WebSocket"]) == [(1,), (2,), (3,)]


def test_a_table_is_read_or_taken_as_it_is() -> None:
    small = kinds.table(Small)
    assert small.read({"flag": True}) == Small(flag=True)
    assert small.read(one := Small()) is one
    assert places(small, {"flag": 3, "other": 4}) == [("flag",), ("other",)]
    unfit = refused(small, "hunter2")
    assert (unfit.expected, unfit.found) == ("a table (in a variable: a JSON object)", "a string")


def test_rules_are_by_field_and_cannot_be_changed() -> None:
    fields = kinds.by_field(FieldRule)
    read = fields.read({"X-A": {"value": "a"}})
    assert read == {"X-A": FieldRule(value="a")}
    with pytest.raises(TypeError):
        read["X-B"] = FieldRule(value="b")  # type: ignore[index]  # the point of the test
    assert places(fields, {"Host": {"value": "a"}, "X-A": {"when": 3}, "X-B": {}}) == [
        ("Host",),
        ("X-A", "when"),
        ("X-B",),
    ]


@pytest.mark.parametrize(
    ("kind", "good", "wrong"),
    [
        (kinds.SOCKET_MODE, ["0600", "660"], ["0o600", "00600", "689", "60"]),
        (kinds.SOCKET_OWNER, ["app", "app:www", ":www", "1:2"], [":", "app:", "a:b:c", "a b", ""]),
    ],
)
def test_the_schema_tells_the_form_of_a_text_that_is_then_read(
    kind: Type[str], good: list[str], wrong: list[str]
) -> None:
    pattern = str(kind.schema["pattern"])
    for text in good:
        assert re.search(pattern, text)
        kind.read(text)
    for text in wrong:
        assert not re.search(pattern, text)
        refused(kind, text)


def test_a_table_need_not_be_there() -> None:
    of = kinds.optional(Small)
    assert of.read(None) is None
    found = of.read({"flag": True})
    assert found is not None
    assert of.read(found) is found
    assert found.flag


def test_a_list_of_tables_is_read_table_by_table() -> None:
    of = kinds.tables(Small)
    assert [one.flag for one in of.read([{"flag": True}, {}])] == [True, False]
    assert places(of, [{"flag": True}, {"flag": 5}, 5]) == [(1, "flag"), (2,)]
    assert refused(of, {"flag": True}).found == "a table"
