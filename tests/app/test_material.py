from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from made import NOW, Made, make

from sidecar.app import material
from sidecar.config.build import build
from sidecar.config.catalogue import keys
from sidecar.config.defaults import defaults
from sidecar.config.kinds import Kind
from sidecar.config.load import parse
from sidecar.config.residents import residents
from sidecar.errors import ConfigError, IdentityError, SecretError
from sidecar.redact import Secret

if TYPE_CHECKING:
    from pathlib import Path

    from sidecar.config.model import Config

ENVIRON = {"PASSWORD": "one", "SECRET": "two"}


@pytest.fixture
def client(tmp_path: Path) -> Made:
    made = make("shop-7")
    (tmp_path / "c.crt").write_bytes(made.certificate_pem)
    (tmp_path / "c.key").write_bytes(made.key_pem)
    (tmp_path / "ca.crt").write_bytes(make("ca", ca=True).certificate_pem)
    return made


def config(folder: Path, environment: str = "production", **sections: dict[str, Any]) -> Config:
    given: dict[str, Any] = {
        "environment": environment,
        "identity": {"certificate_file": f"{folder}/c.crt", "key_file": f"{folder}/c.key"},
        "credentials": {"password": {"env": "PASSWORD"}, "customer_secret": {"env": "SECRET"}, "tenant_id": "1"},
        "upstream": {"ca_file": f"{folder}/ca.crt"},
        **sections,
    }
    return build(given, defaults(environment))


def test_all_that_the_configuration_names_is_read(client: Made, tmp_path: Path) -> None:
    found = material.read(config(tmp_path, listen={"caller_key": {"env": "PASSWORD"}}), ENVIRON)
    assert found.identity is not None
    assert (found.identity.certificate, found.identity.key) == (client.certificate_pem, client.key_pem)
    assert found.secrets == (("password", Secret("one")), ("customer_secret", Secret("two")))
    assert found.caller_key == Secret("one")
    assert found.ca == (tmp_path / "ca.crt").read_bytes()
    assert (found.crl, found.key_password) == (None, None)


def test_the_credentials_for_the_proxy_are_read_with_the_other_secrets(client: Made, tmp_path: Path) -> None:
    way = {"proxy": "http://p:1", "proxy_user": {"env": "PASSWORD"}, "proxy_password": {"env": "SECRET"}}
    found = material.read(config(tmp_path, upstream=way), ENVIRON)
    assert (found.proxy_user, found.proxy_password) == (Secret("one"), Secret("two"))


def test_production_without_a_certificate_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(IdentityError, match="production demands one") as raised:
        material.read(config(tmp_path, identity={}, upstream={}), ENVIRON)
    assert "identity.certificate_file" in raised.value.remedy


def test_elsewhere_there_may_be_none(tmp_path: Path) -> None:
    without = config(tmp_path, "integration", identity={}, upstream={})
    standing = material.stand(without, material.read(without, ENVIRON))
    assert standing.identity is None
    assert (standing.tls.presented, standing.tls.context is None) == (False, False)


def test_plain_http_needs_no_tls(tmp_path: Path) -> None:
    plain = config(tmp_path, "playground", identity={}, upstream={"url": "http://localhost:1"})
    assert material.stand(plain, material.read(plain, ENVIRON)).tls.context is None


def test_all_secrets_that_cannot_be_read_are_told_at_once(client: Made, tmp_path: Path) -> None:
    with pytest.raises(SecretError) as raised:
        material.read(config(tmp_path), {})
    assert raised.value.detail.splitlines() == [
        "credentials.password: the variable PASSWORD is not set",
        "credentials.customer_secret: the variable SECRET is not set",
    ]
    assert "Set PASSWORD" in raised.value.remedy
    assert "Set SECRET" in raised.value.remedy


def test_an_authority_file_that_cannot_be_read_is_named_by_its_key(client: Made, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").unlink()
    with pytest.raises(ConfigError, match=r"upstream\.ca_file"):
        material.read(config(tmp_path), ENVIRON)


def test_what_stands_presents_the_certificate(client: Made, tmp_path: Path) -> None:
    standing = material.stand(config(tmp_path), material.read(config(tmp_path), ENVIRON), NOW)
    assert standing.identity is not None
    assert standing.identity.subject == "CN=shop-7"
    assert standing.tls.presented


def test_a_certificate_that_has_run_out_does_not_stand(client: Made, tmp_path: Path) -> None:
    with pytest.raises(IdentityError):
        material.stand(config(tmp_path), material.read(config(tmp_path), ENVIRON), NOW + dt.timedelta(days=91))


def test_what_was_read_twice_is_the_same(client: Made, tmp_path: Path) -> None:
    assert material.read(config(tmp_path), ENVIRON).changes(material.read(config(tmp_path), ENVIRON)) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"identity": None}, ("identity",)),
        ({"key_password": Secret("x")}, ("identity",)),
        ({"identity": None, "key_password": Secret("x")}, ("identity",)),
        ({"ca": b"x"}, ("CA",)),
        ({"crl": b"x"}, ("CRL",)),
        ({"secrets": ()}, ("secrets",)),
        ({"caller_key": Secret("x")}, ("caller key",)),
        ({"proxy_user": Secret("x"), "proxy_password": Secret("y")}, ("proxy credentials",)),
        ({"ca": b"x", "secrets": ()}, ("CA", "secrets")),
    ],
)
def test_what_changed_is_told_in_words(
    client: Made, tmp_path: Path, change: dict[str, Any], words: tuple[str, ...]
) -> None:
    found = material.read(config(tmp_path), ENVIRON)
    assert replace(found, **change).changes(found) == words


def test_the_event_of_an_identity_tells_what_people_look_for(client: Made, tmp_path: Path) -> None:
    identity = material.stand(config(tmp_path), material.read(config(tmp_path), ENVIRON), NOW).identity
    assert identity is not None
    event = material.loaded(identity)
    assert (event.subject, event.not_after_utc) == ("CN=shop-7", "2026-09-29T12:00:00+00:00")


def test_the_variables_that_hold_secrets_are_forgotten_and_no_others(tmp_path: Path) -> None:
    environ = {"SHOP_PASSWORD": "a", "SHOP_KEY": "b", "PATH": "c", "SHOP_OTHER": "d"}
    shop = config(
        tmp_path,
        credentials={"password": {"env": "SHOP_PASSWORD"}, "customer_secret": {"file": "secret"}, "tenant_id": "1"},
        listen={"caller_key": {"env": "SHOP_KEY"}},
    )
    material.forget_secrets(shop, environ)
    assert environ == {"PATH": "c", "SHOP_OTHER": "d"}
    material.forget_secrets(shop, environ)  # a second time there is nothing to forget
    assert environ == {"PATH": "c", "SHOP_OTHER": "d"}


def test_no_secret_of_the_configuration_is_overlooked(tmp_path: Path) -> None:
    secrets = {key.name for key in keys() if key.kind is Kind.SECRET}
    assert set(material.read_secrets(config(tmp_path), ENVIRON)) == secrets


def test_a_command_that_tells_a_secret_gets_no_other_secret(tmp_path: Path) -> None:
    told = {"command": ["sh", "-c", "env; echo end"], "cache": 0}
    asked = config(tmp_path, credentials={"password": {"env": "PASSWORD"}, "customer_secret": told, "tenant_id": "1"})
    found = material.read_secrets(asked, {**ENVIRON, "PATH": "/usr/bin:/bin", "FINHUB_LISTEN__CALLER_KEY": "three"})
    seen = found["credentials.customer_secret"]
    assert seen is not None
    names = {line.partition("=")[0] for line in seen.reveal().splitlines()}
    assert names.isdisjoint({"PASSWORD", "FINHUB_LISTEN__CALLER_KEY"})
    assert {"PATH", "SECRET"} <= names  # SECRET is no secret of this configuration
    assert found["credentials.password"] == Secret("one")


SECRETS = """
environment = "playground"
[credentials]
tenant_id = "1"
customer_secret = { env = "BOTH" }
[[tenants]]
name = "a"
credentials = { password = { env = "A" } }
[[tenants]]
name = "b"
path_prefix = "/b"
credentials = { password = { env = "B" } }
"""


def test_no_tenant_and_nothing_that_it_starts_sees_what_holds_anothers_secrets() -> None:
    environ = {"A": "1", "B": "2", "BOTH": "3", "PATH": "/bin"}
    known = residents(parse(SECRETS, {}))
    a, b = (dict(material.seen_by(one, known, environ)) for one in known)
    assert a == {"A": "1", "BOTH": "3", "PATH": "/bin"}
    assert b == {"B": "2", "BOTH": "3", "PATH": "/bin"}
    (alone,) = residents(known[0].config)
    assert material.seen_by(alone, (alone,), environ) is environ


def test_the_variables_of_every_tenants_secrets_are_forgotten() -> None:
    environ = {"A": "1", "B": "2", "BOTH": "3", "PATH": "/bin"}
    material.forget_secrets(parse(SECRETS, {}), environ)
    assert environ == {"PATH": "/bin"}
