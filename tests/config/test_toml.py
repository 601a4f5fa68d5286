from __future__ import annotations

import math
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config import toml
from sidecar.config.addresses import address, network
from sidecar.config.finhub_side import FieldRule
from sidecar.config.kinds import Kind
from sidecar.config.refs import CommandRef, EnvRef, FileRef
from sidecar.config.tenants import ByField
from sidecar.redact import Secret

SCALARS = st.text() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)


@given(VALUES)
def test_what_is_written_is_read_as_the_same(value: object) -> None:
    assert tomllib.loads(toml.line("key", value))["key"] == value


def test_not_a_number_is_one_in_toml_too() -> None:
    assert math.isnan(tomllib.loads(toml.line("key", math.nan))["key"])


@pytest.mark.parametrize("value", [None, Secret("hunter2-hunter2"), EnvRef("A"), b"x"])
def test_there_is_no_toml_for_anything_else(value: object) -> None:
    with pytest.raises(TypeError) as caught:
        toml.inline(value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "kind", "plain"),
    [
        (EnvRef("A"), Kind.SECRET, {"env": "A"}),
        (FileRef("/b"), Kind.SECRET, {"file": "/b"}),
        (CommandRef(("a", "b")), Kind.SECRET, {"command": ["a", "b"], "timeout": 10.0, "cache": 300.0}),
        (address("[::1]:80"), Kind.ADDRESS, "[::1]:80"),
        ((network("10.0.0.0/8"), network("::1")), Kind.LIST, ["10.0.0.0/8", "::1/128"]),
        (2**20, Kind.SIZE, "1MiB"),
        (2**20, Kind.WHOLE, 2**20),
        ("x", Kind.TEXT, "x"),
        ("1MiB", Kind.SIZE, "1MiB"),
    ],
)
def test_a_value_of_the_model_has_a_plain_form(value: object, kind: Kind, plain: object) -> None:
    assert toml.plain(value, kind) == plain


def test_a_fields_rule_is_a_table() -> None:
    assert toml.rule(FieldRule(remove=True)) == {"remove": True}
    assert toml.rule(FieldRule(value="a", when="append")) == {"value": "a", "when": "append"}


def test_a_small_table_is_written_on_one_line() -> None:
    found = toml.members(ByField(name="X-Tenant", values=("a", "b")))
    assert toml.line("field", found) == 'field = { name = "X-Tenant", values = ["a", "b"] }'
