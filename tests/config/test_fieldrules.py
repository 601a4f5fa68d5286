from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config import fieldrules
from sidecar.config.problems import Unfit

TOKEN = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@given(st.text(TOKEN, min_size=1).map("X-".__add__))
def test_a_name_is_a_token(name: str) -> None:
    assert fieldrules.field_name(name) == name


@pytest.mark.parametrize("name", ["", "a b", "a:", "é", "a\n", 3])
def test_what_is_no_token_is_refused(name: object) -> None:
    with pytest.raises(Unfit, match="a field name"):
        fieldrules.field_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "HOST",
        "x-sidecar-key",
        "Content-Length",
        "content_length",
        "Transfer-Encoding",
        "Connection",
        "TE",
        "Trailer",
        "Upgrade",
        "Keep-Alive",
        "Expect",
        "HTTP2-Settings",
        "Proxy-Authorization",
        "Proxy-Anything",
    ],
)
def test_what_is_ours_or_the_connections_cannot_be_configured(name: str) -> None:
    with pytest.raises(Unfit, match="another field"):
        fieldrules.field_name(name)


@pytest.mark.parametrize(
    "value", ["", "a b\tc", "{uuid}", "x {tenant_id}/{version} y", '{"a": 1}', "{", "{}", *fieldrules.VARIABLES]
)
def test_a_value_is_text_and_known_variables(value: str) -> None:
    assert fieldrules.field_value(value) == value


@pytest.mark.parametrize(("value", "near"), [("{uid}", "{uuid}"), ("{ tenant_id }", "{tenant_id}"), ("{Z}", "or")])
def test_an_unknown_variable_is_refused_with_a_near_one_or_all(value: str, near: str) -> None:
    with pytest.raises(Unfit) as caught:
        fieldrules.field_value(value)
    assert near in caught.value.expected


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\x00", " a", "a\t", "é", 1, None])
def test_what_is_no_field_value_is_refused(value: object) -> None:
    with pytest.raises(Unfit):
        fieldrules.field_value(value)


def test_a_template_tells_what_it_uses() -> None:
    assert fieldrules.uses("a{tenant_id}", "{tenant_id}")
    assert not fieldrules.uses("a{uuid}", "{tenant_id}")
    assert not fieldrules.uses(None, "{tenant_id}")
