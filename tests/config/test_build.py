from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config import later
from sidecar.config.build import build
from sidecar.config.catalogue import keys
from sidecar.config.defaults import defaults
from sidecar.config.model import Config
from sidecar.config.problems import Problem
from sidecar.errors import ConfigError

TENANT: dict[str, Any] = {"credentials": {"tenant_id": "1"}}


def lines(tables: dict[str, Any], **more: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        build(tables, defaults("production"), **more)
    assert caught.value.__context__ is None
    return caught.value.detail.splitlines()


def test_what_is_given_stands_over_the_environments_defaults() -> None:
    config = build({**TENANT, "session": {"lifetime": 5}}, defaults("production"))
    assert config.session.lifetime == 5
    assert config.session.dialect == "production"
    assert config.environment == "production"


def test_the_token_endpoint_is_at_the_upstream_unless_told_otherwise() -> None:
    given = {**TENANT, "upstream": {"url": "HTTPS://a/"}}
    assert build(given, defaults("production")).session.url == "https://a"
    apart = {**given, "session": {"url": "https://b"}}
    assert build(apart, defaults("production")).session.url == "https://b"


def test_everything_that_is_wrong_is_said_at_once() -> None:
    given = {
        "upstream": {"url": "api", "proxy": "p"},
        "listen": {"address": "0.0.0.0:1", "max_body": 0},
        "identity": {"key_file": "k"},
        "workers": 2,
        "tenants": [5],
        "nonsense": 1,
    }
    found = [line.partition(":")[0] for line in lines(given, earlier=[Problem("earlier", "a", "b")])]
    assert found[0] == "earlier"
    assert sorted(found[1:]) == [
        "credentials.tenant_id",
        "identity.certificate_file",
        "listen.address",
        "listen.caller_key",
        "listen.max_body",
        "nonsense",
        "tenants[0]",
        "upstream.proxy",
        "upstream.url",
        "workers",
    ]


def test_problems_found_earlier_alone_are_enough() -> None:
    assert lines(TENANT, earlier=[Problem("k", "a", "b")]) == ["k: found a; expected b"]


def test_a_section_that_is_no_table_is_one_problem() -> None:
    assert len(lines({**TENANT, "session": 3})) == 1
    assert len(lines({**TENANT, "upstream": 3})) == 1


@pytest.mark.parametrize(
    ("sources", "label"),
    [
        ({"listen.allow": "V"}, "listen.allow[0] (V)"),
        ({"listen": "V"}, "listen.allow[0] (V)"),
        ({"listen.all": "V", "log.level": "W"}, "listen.allow[0]"),
    ],
)
def test_the_variable_behind_a_key_is_named(sources: dict[str, str], label: str) -> None:
    (line,) = lines({**TENANT, "listen": {"allow": ["x"]}}, sources=sources)
    assert line.partition(":")[0] == label


def test_the_remedy_is_the_callers() -> None:
    with pytest.raises(ConfigError) as caught:
        build({}, defaults("production"), remedy="Do it.")
    assert caught.value.remedy == "Do it."


@given(
    st.sampled_from([key.parts for key in keys()]), st.text("abcdefgh_", min_size=1), st.text("0123456789", min_size=12)
)
def test_an_unknown_key_is_one_line_that_does_not_show_its_value(
    beside: tuple[str, ...], name: str, value: str
) -> None:
    known = {key.parts for key in keys()}
    path = (*beside[:-1], name)
    if path in known or any(key[: len(path)] == path for key in known):
        return
    tables: dict[str, Any] = {name: value}
    for part in reversed(beside[:-1]):
        tables = {part: tables}
    merged = {**TENANT, **tables, "credentials": {**TENANT["credentials"], **tables.get("credentials", {})}}
    (line,) = lines(merged)
    assert line.startswith(f"{'.'.join(path)}: found an unknown key; expected ")
    assert value not in line


def test_a_configuration_is_a_frozen_value() -> None:
    one, other = build(TENANT, defaults("production")), build(TENANT, defaults("production"))
    assert one == other
    assert isinstance(one, Config)
    with pytest.raises(AttributeError, match="frozen"):
        one.workers = 2
    with pytest.raises(TypeError):
        one.fields["X-A"] = one.fields["X-Tenant-ID"]  # type: ignore[index]  # this neither


def test_tenants_are_built_over_the_top_level_and_their_problems_are_named_by_their_place() -> None:
    given = {**TENANT, "tenants": [{"name": "a"}, {"name": "b", "path_prefix": "/b", "check": {"path": "/x"}}]}
    config = build(given, defaults("production"))
    assert [tenant.check.path for tenant in config.tenants] == [None, "/x"]
    assert lines({**TENANT, "tenants": [{"name": "a"}, {"name": "b", "check": {"path": "x"}}]})[0].startswith(
        "tenants[1].check.path: "
    )


def test_a_key_of_a_later_version_is_refused_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(later, "KEYS", frozenset({"tomorrow", "session.tomorrow", "log.format.tomorrow"}))
    given = {**TENANT, "session": {"tomorrow": 1}, "tomorrow": {"name": "x"}, "log": {"format": "json"}}
    told = lines(given)
    assert [line.partition(":")[0].strip() for line in told if later.NOT_AVAILABLE in line] == [
        "session.tomorrow",
        "tomorrow",
    ]
