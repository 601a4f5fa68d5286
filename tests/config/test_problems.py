from __future__ import annotations

import datetime as dt
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config import problems
from sidecar.config.problems import Problem, Unfit


def test_a_problem_is_one_line() -> None:
    assert str(Problem("a.b", "1", "2")) == "a.b: found 1; expected 2"


def test_all_problems_are_one_error_with_a_line_each_and_none_twice() -> None:
    one, two = Problem("a", "1", "2"), Problem("b", "1", "2")
    error = problems.config_error([one, two, one], remedy="Do it.")
    assert error.detail == "a: found 1; expected 2\nb: found 1; expected 2"
    assert error.remedy == "Do it."


def test_without_a_remedy_of_its_own_the_error_has_the_usual_one() -> None:
    assert "config schema" in problems.config_error([]).remedy


def test_a_key_is_written_as_in_toml() -> None:
    assert problems.dotted(("listen", "allow", 2)) == "listen.allow[2]"
    assert problems.dotted(("a b", "c\n")) == '"a b"."c\\n"'


@pytest.mark.parametrize("key", ["credentials.username", "identity.key_password", "fields.Cookie", "session.token"])
@given(text=st.text(min_size=12))
def test_what_may_be_a_secret_is_never_shown(key: str, text: str) -> None:
    assert problems.shown(key, text) == "a string"
    assert problems.shown(key, 12345) == "an integer"
    assert problems.shown(key, 1.5) == "a number"
    assert problems.shown(key, value=True) == "true or false"


@given(st.text())
def test_what_is_shown_is_one_printable_line_of_bounded_length(text: str) -> None:
    shown = problems.shown("log.level", text)
    assert shown.isprintable()
    assert len(shown) < 800


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("b", '"b"'),
        ("é\n", '"\\u00e9\\n"'),
        ("é", '"é"'),
        (1, "1"),
        (True, "true"),
        (1.5, "1.5"),
        (math.inf, "a number beyond 64 bits"),
        (math.nan, "NaN"),
        ("user@host", "a string with an @ in it"),
        (["x"], "a list"),
        (("x",), "a list"),
        ({"x": 1}, "a table"),
        (dt.date(2026, 1, 1), "a date or a time"),
        ("a" * 61, json.dumps("a" * 60 + "…", ensure_ascii=False)),
    ],
)
def test_a_harmless_value_is_shown_and_a_container_is_named(value: object, shown: str) -> None:
    assert problems.shown("log.level", value) == shown


def test_a_number_that_python_refuses_to_print_is_named_too() -> None:
    assert problems.shown("log.level", 16**5000) == "a number beyond 64 bits"


def test_the_nearest_name_is_found_and_nothing_where_nothing_is_near() -> None:
    assert problems.nearest("adress", ["address", "admin"]) == "address"
    assert problems.nearest("zzz", ["address", "admin"]) is None


@pytest.mark.parametrize(("names", "text"), [(["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")])
def test_alternatives_are_a_list_in_words(names: list[str], text: str) -> None:
    assert problems.one_of(names) == text


def test_an_unfit_value_may_say_what_was_found() -> None:
    assert Unfit("x").found is None
    assert Unfit("x", found="y").found == "y"
