from __future__ import annotations

import pytest

from sidecar.config.section import Faults
from sidecar.config.tenants import SECTIONS, ByField, Tenant

TABLES = {
    "upstream": {"url": "https://a"},
    "identity": {},
    "credentials": {},
    "session": {"dialect": "production", "url": "https://a", "lifetime": 60},
    "fields": {},
    "check": {},
    "limits": {},
}


def tenant(**own: object) -> Tenant:
    return Tenant.read({"name": "acme", **own, **TABLES})


def test_a_tenant_has_its_tables_and_a_name() -> None:
    assert set(TABLES) == set(SECTIONS)
    one = tenant()
    assert (one.name, one.listen, one.path_prefix, one.strip_prefix, one.field) == ("acme", None, None, True, None)
    assert one.is_default


@pytest.mark.parametrize(
    "own", [{"listen": "127.0.0.1:1"}, {"path_prefix": "/a"}, {"field": {"name": "X-Tenant", "values": ["a"]}}]
)
def test_whoever_is_found_some_way_is_not_the_default(own: dict[str, object]) -> None:
    assert not tenant(**own).is_default


@pytest.mark.parametrize("name", ["", "-a", "a b", "ä", "a" * 65, 5, None, 'a"b', "a\nb"])
def test_a_name_is_a_short_word_that_any_log_and_label_can_hold(name: object) -> None:
    with pytest.raises(Faults) as error:
        tenant(name=name)
    assert [fault.place for fault in error.value.faults] == [("name",)]


@pytest.mark.parametrize("prefix", ["/a", "/a/b", "/a.b", "/.a", "/..a", "/a..", "/~a/b@c", "/a-b_c"])
def test_a_prefix_is_a_path_of_whole_segments(prefix: str) -> None:
    assert tenant(path_prefix=prefix).path_prefix == prefix


@pytest.mark.parametrize(
    "prefix", ["", "/", "a", "/a/", "//a", "/a//b", "/.", "/a/../b", "/a/.", "/a%2fb", "/a;b", "/a?b", "/a#b", "/ä", 5]
)
def test_a_prefix_has_one_spelling(prefix: object) -> None:
    with pytest.raises(Faults) as error:
        tenant(path_prefix=prefix)
    assert [fault.place for fault in error.value.faults] == [("path_prefix",)]


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ({"name": "X-Tenant", "values": []}, ("field",)),
        ({"name": "Authorization", "values": ["a"]}, ("field", "name")),
        ({"name": "Host", "values": ["a"]}, ("field", "name")),
        ({"name": "X-Tenant", "values": ["a", " b"]}, ("field", "values", 1)),
        ({"name": "X-Tenant", "values": "a"}, ("field", "values")),
        ("X-Tenant", ("field",)),
    ],
)
def test_a_field_and_its_values_are_checked(field: object, place: tuple[str | int, ...]) -> None:
    with pytest.raises(Faults) as error:
        tenant(field=field)
    assert [fault.place for fault in error.value.faults] == [place]


def test_a_section_that_was_read_is_taken_as_it_is() -> None:
    found = ByField.read({"name": "X-Tenant", "values": ["a"]})
    assert tenant(field=found).field is found
    assert found.values == ("a",)
