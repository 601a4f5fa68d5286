from __future__ import annotations

import pytest

from sidecar.config import merge


def test_tables_are_merged_key_by_key_and_nothing_given_is_changed() -> None:
    under = {"log": {"level": "info", "format": "json"}, "workers": 1}
    over = {"log": {"level": "debug"}, "drain": {"max": 1}}
    assert merge.overlay(under, over) == {
        "log": {"level": "debug", "format": "json"},
        "workers": 1,
        "drain": {"max": 1},
    }
    assert under == {"log": {"level": "info", "format": "json"}, "workers": 1}


def test_a_table_within_a_table_is_merged_too() -> None:
    merged = merge.overlay({"session": {"refresh": {"margin": 1}}}, {"session": {"refresh": {"enabled": False}}})
    assert merged == {"session": {"refresh": {"margin": 1, "enabled": False}}}


def test_a_secrets_reference_is_replaced_whole() -> None:
    merged = merge.overlay({"credentials": {"password": {"file": "a"}}}, {"credentials": {"password": {"env": "B"}}})
    assert merged == {"credentials": {"password": {"env": "B"}}}


@pytest.mark.parametrize(
    ("under", "over"), [({"log": 3}, {"log": {"level": "info"}}), ({"log": {"level": 1}}, {"log": 3})]
)
def test_what_should_be_a_table_and_is_not_survives_to_be_reported(under: merge.Table, over: merge.Table) -> None:
    assert merge.overlay(under, over) == {"log": 3}


def test_fields_are_merged_in_any_case_and_keep_their_place() -> None:
    under = {"fields": {"X-A": 1, "X-B": 2}}
    merged = merge.overlay(under, {"fields": {"X-C": 3, "x-a": 4}})
    assert merged == {"fields": {"x-a": 4, "X-B": 2, "X-C": 3}}
    assert list(merge.overlay_fields({"X-A": 1, "X-B": 2}, {"X-C": 3, "x-a": 4})) == ["x-a", "X-B", "X-C"]


def test_one_field_named_twice_is_a_problem() -> None:
    found = list(merge.twins({"fields": {"X-A": 1, "x-a": 2, "X-B": 3}}))
    assert [problem.key for problem in found] == ["fields.x-a"]
    assert "fields.X-A" in found[0].expected


@pytest.mark.parametrize("layer", [{}, {"fields": 3}])
def test_without_fields_none_is_named_twice(layer: merge.Table) -> None:
    assert list(merge.twins(layer)) == []


def test_keys_are_taken_out_wherever_they_stand() -> None:
    layer = {"a": {"b": {"c": 1, "d": 2}}, "e": 3}
    assert merge.without(layer, [("a", "b", "c"), ("e",), ("x", "y")]) == {"a": {"b": {"d": 2}}}
    assert layer == {"a": {"b": {"c": 1, "d": 2}}, "e": 3}


def test_one_field_named_twice_by_a_tenant_is_its_problem() -> None:
    layer: merge.Table = {"tenants": [{"fields": {"X-A": 1}}, 5, {"fields": {"X-A": 1, "x-a": 2}}]}
    assert [problem.key for problem in merge.twins(layer)] == ["tenants[2].fields.x-a"]
    assert list(merge.twins({"tenants": 5})) == []
