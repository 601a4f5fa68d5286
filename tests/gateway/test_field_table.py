from __future__ import annotations

from dataclasses import dataclass

import pytest

from sidecar.errors import ConfigError
from sidecar.gateway.field_table import Setting, fold, own_settings, require_allowed, settings

KNOWN = {"tenant_id": "77", "client_ip": "192.0.2.1", "platform": "Linux", "version": "1.2.3"}


@dataclass(frozen=True)
class Rule:
    value: str | None = None
    when: str = "absent"
    remove: bool = False


def test_what_never_changes_is_rendered_once() -> None:
    setting = Setting.build("X-Tenant-ID", "t-{tenant_id}", "always", KNOWN)
    assert setting.constant == b"t-77"
    assert setting.render({}) == b"t-77"


def test_what_changes_is_rendered_per_request() -> None:
    setting = Setting.build("X-Request-ID", "{uuid}", "absent", KNOWN)
    assert setting.constant is None
    assert setting.render({"uuid": "u-1"}) == b"u-1"
    assert setting.render({"uuid": None}) is None


@pytest.mark.parametrize(("value", "tenant"), [("{tenant_id}", None), ("{nonsense}", "77")])
def test_a_variable_that_never_stands_for_anything_is_an_error_of_the_configuration(
    value: str, tenant: str | None
) -> None:
    with pytest.raises(ConfigError, match=r"fields\.X-A: nothing is known for"):
        Setting.build("X-A", value, "always", KNOWN | {"tenant_id": tenant})


def test_a_value_that_is_no_legal_field_value_is_an_error_and_never_shown() -> None:
    with pytest.raises(ConfigError, match=r"fields\.X-A") as error:
        Setting.build("X-A", "bad\r\nvalue", "always", KNOWN)
    assert "bad" not in error.value.detail


def test_a_filled_value_that_is_no_legal_field_value_is_an_error_and_never_shown() -> None:
    setting = Setting.build("X-Session-ID", "{session.id}", "absent", KNOWN)
    with pytest.raises(ConfigError, match=r"fields\.X-Session-ID") as error:
        setting.render({"session.id": "s-1\r\nX-Admin: 1"})
    assert "s-1" not in error.value.detail


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "HOST",
        "content-length",
        "Content_Length",
        "Transfer-Encoding",
        "Connection",
        "TE",
        "Trailer",
        "Upgrade",
        "Keep-Alive",
        "Proxy-Authorization",
        "Expect",
        "X-Sidecar-Key",
    ],
)
@pytest.mark.parametrize("rule", [Rule("x"), Rule(remove=True)])
def test_the_sidecars_own_fields_cannot_be_configured(name: str, rule: Rule) -> None:
    with pytest.raises(ConfigError, match=f"fields.{name}"):
        require_allowed({name: rule})


def test_a_rule_that_says_nothing_is_an_error_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match="no value"):
        require_allowed({"X-A": Rule()})


def test_the_settings_keep_the_tables_order_and_leave_out_what_is_removed() -> None:
    rules = {"X-B": Rule("1"), "X-A": Rule("2", when="always"), "X-C": Rule(remove=True), "X-D": Rule("3", remove=True)}
    require_allowed(rules)
    assert [(setting.name, setting.key, setting.when) for setting in settings(rules, KNOWN)] == [
        (b"X-B", b"x-b", "absent"),
        (b"X-A", b"x-a", "always"),
    ]


def test_our_own_calls_have_the_required_fields_without_any_table() -> None:
    assert [(setting.name, setting.constant) for setting in own_settings({}, KNOWN)] == [
        (b"Content-Type", b"application/json"),
        (b"sec-ch-ua-platform", b"Linux"),
        (b"X-Forwarded-For", b"192.0.2.1"),
        (b"User-Agent", b"Mozilla/5.0 (compatible; finhub-sidecar/1.2.3)"),
        (b"X-Tenant-ID", b"77"),
    ]


def test_a_tenant_that_is_not_configured_is_left_out_of_our_own_calls() -> None:
    assert b"X-Tenant-ID" not in [setting.name for setting in own_settings({}, KNOWN | {"tenant_id": None})]


def test_the_table_speaks_in_our_own_calls_but_for_what_is_fixed_there() -> None:
    rules = {
        "content-type": Rule("text/xml"),
        "x-forwarded-for": Rule("{caller.ip}"),
        "X-SESSION-ID": Rule("fixed"),
        "USER-AGENT": Rule("mine"),
        "sec-ch-ua-platform": Rule(remove=True),
        "platform": Rule("web"),
    }
    assert [(setting.name, setting.constant) for setting in own_settings(rules, KNOWN)] == [
        (b"Content-Type", b"application/json"),
        (b"sec-ch-ua-platform", b"Linux"),
        (b"X-Forwarded-For", b"192.0.2.1"),
        (b"USER-AGENT", b"mine"),
        (b"X-Tenant-ID", b"77"),
        (b"platform", b"web"),
    ]


@pytest.mark.parametrize("twin", [b"x_tenant_id", b"x-tenant_id", b"x_tenant-id", b"x.tenant~id", b"x-tenant-id"])
def test_trap_w_all_twins_of_a_name_are_one(twin: bytes) -> None:
    assert fold(twin) == b"x-tenant-id"


def test_names_that_differ_in_letters_or_digits_are_not_twins() -> None:
    assert len({fold(name) for name in (b"x-a", b"x-b", b"x-1", b"xa", b"x--a")}) == 5


@pytest.mark.parametrize(
    ("value", "pieces"),
    [
        ("t-{tenant_id}", (b"t-77",)),
        ("{uuid}", (b"", b"")),
        ("{session.id}: {uuid}.", (b"s: ", b".")),
        ("{caller.ip}", None),
    ],
)
def test_a_value_is_made_ready_around_the_uuid(value: str, pieces: tuple[bytes, ...] | None) -> None:
    setting = Setting.build("X-A", value, "absent", KNOWN)
    assert setting.around_uuid({"session.id": "s", "caller.ip": None} | KNOWN) == pieces


@pytest.mark.parametrize(("value", "session"), [("{session.id}{uuid}", " led"), ("{uuid}{session.id}", "a\nb")])
def test_what_stands_around_the_uuid_is_legal_or_refused_and_never_shown(value: str, session: str) -> None:
    with pytest.raises(ConfigError, match=r"fields\.X-A") as error:
        Setting.build("X-A", value, "absent", KNOWN).around_uuid({"session.id": session})
    assert session not in error.value.detail
