"""Finding things in JSON whose shape nobody promised."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.session import lookup

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ('{"a": "é"}'.encode("utf-16"), {"a": "é"}),
        (b"", None),
        (b"<html>", None),
        (b"\xff\xfe\xfd", None),
        (b"[" * 200_000, None),
        (b"1" * 5_000, None),
    ],
)
def test_what_is_no_json_is_none(body: bytes, document: object) -> None:
    assert lookup.parse(body) == document


@pytest.mark.parametrize(
    ("document", "place", "found"),
    [
        ({"a": 1}, "a", [("a", 1)]),
        ({"data": {"a": 1}}, "a", [("data.a", 1)]),
        ({"a": 1, "data": {"a": 2}}, "a", [("a", 1), ("data.a", 2)]),
        ({"a": {"b": 1}}, "a.b", [("a.b", 1)]),
        ({"a": [{"b": 1}, 7, {"c": 2}, {"b": 3}]}, "a[].b", [("a[].b", 1), ("a[].b", 3)]),
        ({"data": {"a": [{"b": 1}]}}, "a[].b", [("data.a[].b", 1)]),
        ({"a": {"b": 1}}, "a[].b", []),
        ({"a": None}, "a.b", []),
        ({"data": [1]}, "a", []),
        ([1], "a", []),
        (None, "a", []),
    ],
)
def test_a_place_is_looked_for_as_it_is_and_then_under_data(
    document: object, place: str, found: list[tuple[str, object]]
) -> None:
    assert list(lookup.find(document, place)) == found


def test_at_looks_in_the_document_itself_alone() -> None:
    document = {"a": [{"b": 1}, {"b": 2}], "data": {"c": 3}}
    assert list(lookup.at(document, "a[].b")) == [1, 2]
    assert list(lookup.at(document, "c")) == []


def test_the_first_understood_reading_counts() -> None:
    document = {"a": "", "b": 3, "c": "yes"}
    assert lookup.first(document, ("a", "b", "c"), lookup.text) == ("c", "yes")
    assert lookup.first(document, ("a", "x"), lookup.text) == ("", None)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (1800, 1800.0),
        (0, 0.0),
        (-3, -3.0),
        (1.5, 1.5),
        ("1800", 1800.0),
        (" 1800 ", 1800.0),
        ("1800.25", 1800.25),
        ("-1", -1.0),
        (True, None),
        (None, None),
        ("", None),
        ("1e3", None),
        ("0x10", None),
        ("nan", None),
        ("١٨", None),
        ("1" * 400, None),
        (math.nan, None),
        (math.inf, None),
        (10**400, None),
        (-(10**400), None),
        ([1800], None),
    ],
)
def test_a_number_is_finite_and_may_be_spelt_in_digits(value: object, read: float | None) -> None:
    assert lookup.number(value) == read


@pytest.mark.parametrize(
    ("value", "text", "name", "visible"),
    [
        ("abc", "abc", "abc", "abc"),
        ("", None, None, None),
        (7, None, "7", "7"),
        (1.5, None, "1.5", "1.5"),
        (math.nan, None, None, None),
        (True, None, None, None),
        (None, None, None, None),
        ("a b", "a b", "a b", None),
        ("é", "é", "é", None),
        ("a\ud800", None, None, None),
    ],
)
def test_texts_names_and_visible_names(value: object, text: str | None, name: str | None, visible: str | None) -> None:
    assert (lookup.text(value), lookup.name(value), lookup.visible(value)) == (text, name, visible)


def test_filled_takes_every_text_but_the_empty_one() -> None:
    assert [lookup.filled(value) for value in ("a\ud800", "", 1)] == ["a\ud800", None, None]


@given(document=JSON, place=st.sampled_from(["a", "a.b", "a[].b", "data[]"]))
def test_no_document_makes_it_raise(document: object, place: str) -> None:
    for read in (lookup.text, lookup.name, lookup.visible, lookup.filled):
        lookup.first(document, (place,), read)
    lookup.first(document, (place,), lookup.number)
    lookup.number(document)
    lookup.name(document)
