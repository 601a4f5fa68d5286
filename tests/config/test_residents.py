from __future__ import annotations

from sidecar.config.load import parse
from sidecar.config.model import FieldRule
from sidecar.config.residents import residents

ALONE = 'environment = "playground"\n[credentials]\ntenant_id = "1"\n'
TENANTS = (
    ALONE
    + """
[listen]
address = "127.0.0.1:1"
max_body = 5
[[tenants]]
name = "a"
[[tenants]]
name = "b"
listen = "127.0.0.1:2"
credentials = { tenant_id = "2" }
fields = { "X-Key" = { value = "b", when = "append" }, "x-gone" = { remove = true } }
[[tenants]]
name = "c"
field = { name = "X-Key", values = ["c"] }
[[tenants]]
name = "d"
field = { name = "X-Gone", values = ["d"] }
"""
)


def test_one_alone_is_the_whole_configuration_and_called_as_finhub_calls_it() -> None:
    config = parse(ALONE, {})
    (one,) = residents(config)
    assert (one.name, one.config, one.tenant) == ("1", config, None)
    (one,) = residents(config.replaced({"credentials": config.credentials.replaced({"tenant_id": None})}))
    assert one.name == ""


def test_each_of_several_has_a_configuration_as_if_it_were_the_only_one() -> None:
    config = parse(TENANTS, {})
    a, b, c, d = residents(config)
    assert [one.name for one in (a, b, c, d)] == ["a", "b", "c", "d"]
    assert [one.tenant for one in (a, b, c, d)] == list(config.tenants)
    assert {one.config.tenants for one in (a, b, c, d)} == {()}
    assert [one.config.credentials.tenant_id for one in (a, b, c, d)] == ["1", "2", "1", "1"]
    assert [str(one.config.listen.address) for one in (a, b)] == ["127.0.0.1:1", "127.0.0.1:2"]
    assert (b.config.listen.max_body, b.config.admin) == (5, config.admin)


def test_no_tenants_finhub_gets_the_field_that_names_one_as_a_caller_sent_it() -> None:
    for one in residents(parse(TENANTS, {})):
        rules = one.config.fields
        ours = FieldRule(value="b", when="always") if one.name == "b" else FieldRule(remove=True)
        assert rules["X-Key" if one.name == "b" else "x-key"] == ours
        assert rules["x-gone"] == FieldRule(remove=True)


def test_callers_put_a_path_before_finhubs_own_only_where_it_is_taken_away_again() -> None:
    more = '[[tenants]]\nname = "e"\npath_prefix = "/e"\n'
    more += '[[tenants]]\nname = "f"\npath_prefix = "/f"\nstrip_prefix = false\n'
    assert [one.under for one in residents(parse(TENANTS + more, {}))] == ["", "", "", "", "/e", ""]
    assert [one.under for one in residents(parse(ALONE, {}))] == [""]
