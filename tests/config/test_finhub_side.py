from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sidecar.config.finhub_side import (
    Backoff,
    Check,
    Credentials,
    FieldRule,
    Identity,
    Limits,
    Refresh,
    Session,
    Upstream,
)
from sidecar.config.section import Faults

if TYPE_CHECKING:
    from sidecar.config.section import Section

SESSION = {"dialect": "production", "url": "https://a", "lifetime": 1800}


def test_the_defaults_are_those_of_the_contract() -> None:
    upstream = Upstream(url="https://a")
    assert (upstream.connect_timeout, upstream.response_timeout, upstream.idle_timeout) == (5, 60, 60)
    assert (upstream.max_connections, upstream.upgrade) == (100, ())
    assert upstream.wait == 5
    assert (Identity().reload_interval, Identity().unsafe_key_mode) == (30, False)
    credentials = Credentials()
    assert (credentials.account_type, credentials.grant_type) == ("b2b", "password")
    assert credentials.send_client_credentials is True
    session = Session.read(SESSION)
    assert (session.login, session.store, session.client_ip, session.wait) == ("eager", "memory", "127.0.0.1", 10)
    assert (session.blocked_for, session.expired_when, session.logout) == (1800, None, False)
    assert session.login_endpoint == "stub"
    assert upstream.rewrite_location is False
    assert (Refresh().enabled, Refresh().path, Refresh().margin) == (True, None, 60)
    assert (Backoff().first, Backoff().max) == (1, 60)
    assert Check().path is None
    assert (Limits().requests_per_second, Limits().burst, Limits().queue) == (0, 1, 5)


@pytest.mark.parametrize(
    ("identity", "given"),
    [
        (Identity(), False),
        (Identity(certificate_file="c"), True),
        (Identity(pkcs12_file="p"), True),
        (Identity(key_file="k"), False),
    ],
)
def test_an_identity_is_given_by_a_certificate_or_a_pkcs12_file(
    identity: Identity,
    given: bool,  # noqa: FBT001  # a table of expectations
) -> None:
    assert identity.is_given is given


@pytest.mark.parametrize(
    ("section", "given"),
    [
        (Upstream, {"url": "https://a/path"}),
        (Upstream, {"url": "https://a", "max_connections": 0}),
        (Upstream, {"url": "https://a", "upgrade": ["h2c"]}),
        (Upstream, {"url": "https://a", "wait": -1}),
        (Identity, {"reload_interval": 0}),
        (Identity, {"unsafe_key_mode": 1}),
        (Credentials, {"account_type": "b2x"}),
        (Credentials, {"tenant_id": "1\r\n"}),
        (Credentials, {"tenant_id": 1}),
        (Credentials, {"username": ""}),
        (Session, {**SESSION, "login_endpoint": "allow"}),
        (Upstream, {"url": "https://a", "rewrite_location": "yes"}),
        (Session, {**SESSION, "store": "sqlite:x"}),
        (Session, {**SESSION, "store": "redis://:hunter2@cache"}),
        (Session, {**SESSION, "store_key": "hunter2"}),
        (Session, {**SESSION, "store_prefix": "a b"}),
        (Session, {**SESSION, "lease": 0.1}),
        (Session, {**SESSION, "alone_within": -1}),
        (Session, {**SESSION, "store_tls": {"insecure": True}}),
        (Session, {**SESSION, "client_ip": "localhost"}),
        (Session, {**SESSION, "lifetime": 0}),
        (Session, {**SESSION, "refresh": 3}),
        (Refresh, {"path": "no-slash"}),
        (Backoff, {"first": 0}),
        (Check, {"path": "x"}),
        (Limits, {"requests_per_second": -1}),
        (Limits, {"burst": 0}),
        (Limits, {"queue": -1}),
        (FieldRule, {"value": "{nonsense}"}),
        (FieldRule, {"value": "a", "when": "never"}),
        (FieldRule, {"value": "a", "remove": True}),
        (FieldRule, {"when": "always"}),
        (FieldRule, {"remove": False}),
    ],
)
def test_values_without_sense_are_refused(section: type[Section], given: dict[str, Any]) -> None:
    with pytest.raises(Faults):
        section.read(given)


def test_a_field_rule_sets_or_removes() -> None:
    assert FieldRule(value="a").when == "absent"
    assert FieldRule(remove=True).value is None
