from __future__ import annotations

import pytest

from sidecar.gateway.template import Template, is_legal


@pytest.mark.parametrize(
    ("value", "filled"),
    [
        ("", ""),
        ("fixed", "fixed"),
        ("{uuid}", "U"),
        ("a{uuid}b{caller.ip}c", "aUbIc"),
        ("{uuid}{uuid}", "UU"),
        ('{"json": 1} {} {UPPER}', '{"json": 1} {} {UPPER}'),
        ("{unknown}", None),
        ("x {session.id}", None),
    ],
)
def test_a_template_is_filled_or_unknown(value: str, filled: str | None) -> None:
    values = {"uuid": "U", "caller.ip": "I", "session.id": None}
    assert Template.parse(value).fill(values) == filled


def test_a_filled_value_is_not_read_again() -> None:
    assert Template.parse("{uuid}").fill({"uuid": "{caller.ip}", "caller.ip": "I"}) == "{caller.ip}"


@pytest.mark.parametrize("value", ["", "a", "a b\tc", "caf\xe9", '{"a"}'])
def test_text_is_a_legal_field_value(value: str) -> None:
    assert is_legal(value)


@pytest.mark.parametrize(
    "value", [" a", "a ", "\ta", "a\t", " ", "a\nb", "a\rb", "a\0", "\x01", "a\x7f", "a\ud800", "\x1f", "\x08"]
)
def test_control_characters_and_spaces_at_an_end_are_no_legal_field_value(value: str) -> None:
    assert not is_legal(value)


@pytest.mark.parametrize(
    ("value", "pieces"),
    [
        ("", ("",)),
        ("fixed", ("fixed",)),
        ("{uuid}", ("", "")),
        ("a{uuid}b{caller.ip}c{uuid}", ("a", "bIc", "")),
        ("{caller.ip}{caller.ip}", ("II",)),
        ("{uuid} {session.id}", None),
    ],
)
def test_a_template_is_filled_around_a_variable_that_is_left_open(value: str, pieces: tuple[str, ...] | None) -> None:
    template = Template.parse(value)
    values = {"caller.ip": "I", "session.id": None}
    assert template.around("uuid", values) == pieces
    assert template.fill(values | {"uuid": "U"}) == (None if pieces is None else "U".join(pieces))
