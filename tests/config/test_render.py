from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config import toml
from sidecar.config.catalogue import keys
from sidecar.config.kinds import Kind
from sidecar.config.load import parse
from sidecar.config.model import ENVIRONMENTS
from sidecar.config.render import schema, show, value_of
from sidecar.redact import HIDDEN

TENANT = '[credentials]\ntenant_id = "1"\n'
TEXT = st.text(min_size=1).filter(lambda text: text.isprintable())
SECONDS = st.floats(0.001, 1000) | st.integers(1, 1000)
SIZE = st.integers(1, 2**40)
REFERENCE = st.builds(lambda name: {"file": f"/run/{name}"}, TEXT) | st.just({"env": "NAME"})
RULE = st.sampled_from([{"value": "a {uuid}", "when": "append"}, {"value": 'q"\\', "when": "absent"}, {"remove": True}])
FIELDS = st.dictionaries(st.from_regex(r"X-[A-Z]{1,3}", fullmatch=True), RULE, max_size=4)


def optional(section: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=section)


GIVEN = st.fixed_dictionaries(
    {
        "environment": st.sampled_from(ENVIRONMENTS),
        "listen": optional(
            {
                "address": st.sampled_from(["[::1]:0", "unix:/run/a b.sock", "localhost:1"]),
                "max_body": SIZE,
                "body_timeout": SECONDS,
                "caller_key": REFERENCE,
                "allow": st.just(["GET /a/**", "* /b"]),
                "allowed_origins": st.just(["http://localhost:3000"]),
            }
        ),
        "credentials": st.fixed_dictionaries({"tenant_id": st.just("1")}, optional={"username": TEXT}),
        "upstream": optional({"url": st.just("https://a:8443"), "ca_file": st.just("/ca"), "idle_timeout": SECONDS}),
        "session": optional(
            {"refresh": optional({"margin": SECONDS, "enabled": st.booleans()}), "expired_when": TEXT, "wait": SECONDS}
        ),
        "fields": FIELDS,
        "log": optional({"format": st.sampled_from(["json", "console"])}),
        "check": optional({"path": st.just("/a?b=c")}),
    }
)


def written(given_tables: dict[str, Any]) -> str:
    return "\n".join(toml.line(toml.quoted(name), value) for name, value in given_tables.items())


@given(GIVEN)
def test_what_is_shown_is_loaded_as_an_equal_configuration(tables: dict[str, Any]) -> None:
    config = parse(written(tables), {})
    again = parse(show(config), {})
    assert again == config
    assert list(again.fields) == list(config.fields)
    assert show(again) == show(config)


def test_networks_are_shown_too() -> None:
    config = parse(f'{TENANT}[listen]\nunsafe_listen = true\nallowed_peers = ["10.0.0.0/8", "::1"]', {})
    assert parse(show(config), {}) == config


def test_secrets_are_shown_as_references() -> None:
    config = parse(TENANT, {"FINHUB_CREDENTIALS__PASSWORD": "hunter2"})
    assert 'password = { env = "FINHUB_CREDENTIALS__PASSWORD" }' in show(config)
    assert "hunter2" not in show(config)


def test_a_fixed_value_of_a_field_that_speaks_of_a_secret_is_hidden() -> None:
    config = parse(f'{TENANT}[fields]\nX-Api-Key = {{ value = "hunter2" }}\nX-Token = {{ value = "{{uuid}}" }}', {})
    shown = tomllib.loads(show(config))["fields"]
    assert shown["X-Api-Key"]["value"] == HIDDEN
    assert shown["X-Token"]["value"] == "{uuid}"
    assert parse(show(config), {}).fields["X-Api-Key"].value == HIDDEN


def test_a_value_is_found_by_its_key() -> None:
    config = parse(TENANT, {})
    found = {key.name: value_of(config, key) for key in keys()}
    assert found["session.refresh.margin"] == 60
    assert found["environment"] == "production"


# ── JSON Schema ─────────────────────────────────────────────────────────────────────────────────────────────────


def described(name: str) -> dict[str, Any]:
    whole = json.loads(schema())
    node = whole
    for part in name.split("."):
        node = node["properties"][part]
        while "$ref" in node:
            node = whole["$defs"][node["$ref"].rpartition("/")[2]]
    return node  # type: ignore[no-any-return]  # JSON


@pytest.mark.parametrize("key", [key for key in keys() if key.kind is not Kind.TABLE], ids=lambda key: key.name)
def test_the_schema_describes_every_key_with_its_meaning_and_its_default(key: Any) -> None:
    node = described(key.name)
    assert node["description"] == key.description
    if key.default is not None:
        assert node["default"] == toml.plain(key.default, Kind.TEXT)


def test_the_schema_describes_toml_as_it_is_written() -> None:
    size, of_bytes = described("listen.max_body")["oneOf"][::-1]
    assert of_bytes["type"] == "integer"
    assert re.fullmatch(size["pattern"], "256MiB")
    references = described("credentials.password")["oneOf"]
    places = [["env"], ["file"], ["credential"], ["keyring"], ["command", "timeout", "cache"]]
    assert [list(each["properties"]) for each in references] == places
    assert all(each["required"] for each in references)
    assert described("listen.allow") | {"description": ""} == {
        "default": ["* /**"],
        "description": "",
        "items": {"type": "string"},
        "title": "Allow",
        "type": "array",
    }
    assert described("log.format")["enum"] == ["json", "console"]
    assert described("listen.address")["type"] == "string"


def test_the_schema_asks_for_nothing_knows_no_null_and_no_other_key() -> None:
    whole = json.loads(schema())
    assert whole["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "null" not in schema()
    for table in (whole, *whole["$defs"].values()):
        assert table["additionalProperties"] is False
        assert "required" not in table


TENANTS = (
    TENANT
    + """
[session]
url = "https://tokens.example"
[[tenants]]
name = "a"
[[tenants]]
name = "b"
field = { name = "X-Tenant", values = ["b", "c"] }
credentials = { tenant_id = "2", password = { env = "B" } }
fields = { "X-B" = { value = "b" } }
[[tenants]]
name = "c"
listen = "unix:/run/c.sock"
[tenants.upstream]
url = "https://c.example"
"""
)


def test_tenants_are_shown_whole_and_loaded_as_equal_ones() -> None:
    config = parse(TENANTS, {})
    text = show(config)
    assert parse(text, {}) == config
    assert text.count("[[tenants]]") == 3
    assert 'field = { name = "X-Tenant", values = ["b", "c"] }' in text
    assert [tenant.session.url for tenant in config.tenants][1:] == ["https://tokens.example", "https://c.example"]


def test_the_schema_has_a_list_of_tenants_with_the_same_tables() -> None:
    whole = json.loads(schema())
    assert whole["properties"]["tenants"]["items"] == {"$ref": "#/$defs/Tenant"}
    own = whole["$defs"]["Tenant"]["properties"]
    assert own["credentials"]["$ref"] == whole["properties"]["credentials"]["$ref"]
    assert own["field"]["$ref"] == "#/$defs/ByField"
