from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import pytest

from sidecar import __version__
from sidecar.app import choices
from sidecar.app.choices import named, ready
from sidecar.app.material import Material
from sidecar.config.build import build
from sidecar.config.defaults import defaults
from sidecar.config.load import parse
from sidecar.errors import ConfigError, SecretError
from sidecar.redact import Secret
from sidecar.session import dialect_file
from sidecar.wire.proxy import proxy

if TYPE_CHECKING:
    from sidecar.config.model import Config

CREDENTIALS: dict[str, Any] = {
    "username": "u",
    "password": {"env": "P"},
    "customer_id": "c",
    "customer_secret": {"env": "S"},
    "tenant_id": "1234567",
}


def config(environment: str = "production", **sections: dict[str, Any]) -> Config:
    return build({"environment": environment, "credentials": CREDENTIALS, **sections}, defaults(environment))


def material(**changes: Any) -> Material:
    nothing: dict[str, Any] = {"identity": None, "key_password": None, "ca": None, "crl": None, "caller_key": None}
    secrets = (("password", Secret("one")), ("customer_secret", Secret("two")))
    return Material(**{**nothing, "secrets": secrets, **changes})


def chosen(config: Config, material: Material) -> choices.Choices:
    return choices.choices(config, material, choices.dialect_of(config))


def test_the_secrets_take_the_place_of_their_references() -> None:
    credentials = choices.credentials_of(config(), material())
    assert credentials["password"] == Secret("one")
    assert credentials["customer_secret"] == Secret("two")
    assert (credentials["username"], credentials["account_type"]) == ("u", "b2b")


def test_all_generations_are_known_since_a_caller_may_speak_another_one() -> None:
    assert {one.name for one in chosen(config(), material()).others} == set(dialect_file.built_in())


def test_all_that_the_dialect_needs_and_nobody_set_is_named_at_once() -> None:
    lacking = build({"environment": "production", "credentials": {"tenant_id": "1"}}, defaults("production"))
    with pytest.raises(ConfigError) as raised:
        chosen(lacking, material(secrets=()))
    lines = raised.value.detail.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "credentials.username",
        "credentials.password",
        "credentials.customer_id",
        "credentials.customer_secret",
    ]
    assert all("dialect production needs it" in line for line in lines)


def test_the_client_credentials_are_not_needed_where_they_are_not_sent() -> None:
    given = {"username": "u", "password": {"env": "P"}, "tenant_id": "1", "send_client_credentials": False}
    chosen(config(credentials=given), material(secrets=(("password", Secret("one")),)))


def test_the_refresh_of_the_dialect_can_be_moved_and_turned_off() -> None:
    moved = choices.dialect_of(config(session={"refresh": {"path": "/other"}}))
    assert moved.refresh is not None
    assert moved.refresh.path == ("/other",)
    assert choices.dialect_of(config(session={"refresh": {"enabled": False}})).refresh is None


def test_a_dialect_that_is_not_there_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError):
        choices.dialect_of(config(session={"dialect": "/nowhere/none.toml"}))


def test_the_field_table_is_filled_with_what_this_machine_is() -> None:
    fields = dict(choices.fields_of(config(session={"client_ip": "10.9.8.7"})).own_call("id"))
    names = {"Windows": b"Windows", "Darwin": b"macOS", "Linux": b"Linux"}
    assert fields[b"sec-ch-ua-platform"] == names[platform.system()]
    assert fields[b"User-Agent"] == f"Mozilla/5.0 (compatible; finhub-sidecar/{__version__})".encode()
    assert (fields[b"X-Forwarded-For"], fields[b"X-Tenant-ID"]) == (b"10.9.8.7", b"1234567")


def test_the_numbers_a_session_lives_by_come_from_the_configuration() -> None:
    session = {
        "login": "lazy",
        "wait": 3.0,
        "blocked_for": 60.0,
        "backoff": {"first": 2.0, "max": 5.0},
        "refresh": {"margin": 7.0},
        "expired_when": "expired",
        "lifetime": 99.0,
    }
    got = chosen(config(session=session), material())
    terms = got.terms
    assert (terms.tenant, terms.wait, terms.eager, got.expired_when) == ("1234567", 3.0, False, "expired")
    assert (terms.patience.first, terms.patience.max, terms.patience.blocked_for) == (2.0, 5.0, 60.0)
    assert (terms.schedule.margin, terms.schedule.default_lifetime) == (7.0, 99.0)


WAY: dict[str, Any] = {"proxy": "http://proxy.example:3128"}
KNOWN = {"proxy_user": {"env": "U"}, "proxy_password": {"env": "W"}}


def test_without_a_proxy_there_is_none() -> None:
    assert chosen(config(), material()).proxy is None


def test_the_proxy_gets_its_credentials_where_there_are_some() -> None:
    without = chosen(config(upstream=WAY), material()).proxy
    assert without == proxy("http://proxy.example:3128", None, None)
    user, password = Secret("shop"), Secret("pass-word")
    known = chosen(config(upstream=WAY | KNOWN), material(proxy_user=user, proxy_password=password)).proxy
    assert known == proxy("http://proxy.example:3128", user, password)


def test_credentials_that_cannot_be_sent_to_a_proxy_are_found_before_anybody_calls() -> None:
    with pytest.raises(SecretError, match=r"^upstream\.proxy_user"):
        chosen(config(upstream=WAY | KNOWN), material(proxy_user=Secret("a:b"), proxy_password=Secret("pass-word")))


def test_what_is_wrong_with_one_of_several_tenants_is_named_by_its_place_or_its_name() -> None:
    told = named("credentials.password: not set\nthe key does not belong to the certificate", 2, "acme")
    assert told == "tenants[2].credentials.password: not set\ntenant acme: the key does not belong to the certificate"


def test_every_tenant_must_be_right_before_anybody_is_served() -> None:
    config = parse(SEVERAL, {})
    with pytest.raises(ConfigError, match=r"^tenants\[1\]\.credentials\.username: not set"):
        ready(config, {"P": "p", "S": "s"})
    first, second = ready(parse(SEVERAL.replace("#username", "username"), {}), {"P": "p", "S": "s"})
    assert [one.chosen.terms.tenant for one in (first, second)] == ["acme", "beta"]


SEVERAL = """
environment = "playground"
[credentials]
tenant_id = "1"
customer_id = "c"
customer_secret = { env = "S" }
[[tenants]]
name = "acme"
[tenants.credentials]
username = "a"
password = { env = "P" }
[[tenants]]
name = "beta"
path_prefix = "/beta"
[tenants.credentials]
#username = "b"
password = { env = "P" }
"""
