from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from sidecar.app.revision import Revision, keeps_token, revise, wants_login
from sidecar.config.build import build
from sidecar.config.defaults import defaults
from sidecar.errors import ConfigError

if TYPE_CHECKING:
    from sidecar.config.model import Config

GIVEN: dict[str, Any] = {
    "credentials": {"username": "u", "password": {"env": "P"}, "tenant_id": "1"},
    "listen": {"address": "127.0.0.1:8080"},
    "identity": {"certificate_file": "c", "key_file": "k"},
}


def config(environment: str = "production", **sections: dict[str, Any]) -> Config:
    given = copy.deepcopy(GIVEN) | {"environment": environment}
    for name, section in sections.items():
        given[name] = {**given.get(name, {}), **section}
    return build(given, defaults(environment))


def test_what_did_not_change_changes_nothing() -> None:
    assert revise(config(), config()) == Revision(config())


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("listen", "allowed_hosts", ["localhost", "a.example"]),
        ("listen", "allowed_origins", ["http://a.example"]),
        ("listen", "allow", ["GET /**"]),
        ("listen", "max_body", 1),
        ("listen", "body_timeout", 1.0),
        ("listen", "caller_key", {"env": "K"}),
        ("listen", "max_requests", 1),
        ("listen", "min_rate", 1),
        ("listen", "head_timeout", 1.0),
        ("listen", "idle_timeout", 1.0),
        ("listen", "write_timeout", 1.0),
        ("listen", "max_target", 1),
        ("listen", "max_field", 1),
        ("listen", "max_fields", 1),
        ("listen", "max_connections", 1),
        ("replay", "max_body", 1),
        ("credentials", "username", "v"),
        ("credentials", "password", {"env": "Q"}),
        ("session", "expired_when", "expired"),
        ("session", "wait", 1.0),
        ("session", "login", "lazy"),
        ("session", "logout", True),
        ("session", "client_ip", "10.0.0.1"),
        ("session", "blocked_for", 60.0),
        ("identity", "certificate_file", "d"),
        ("identity", "reload_interval", 1.0),
        ("identity", "unsafe_key_mode", True),
        ("upstream", "connect_timeout", 1.0),
        ("upstream", "response_timeout", 1.0),
        ("upstream", "idle_timeout", 1.0),
        ("upstream", "wait", 1.0),
        ("upstream", "ca_file", "ca"),
        ("upstream", "proxy", "http://proxy.example:3128"),
        ("log", "level", "debug"),
        ("drain", "max", 1.0),
        ("check", "path", "/a"),
    ],
)
def test_a_live_key_is_taken_over_at_once(section: str, key: str, value: object) -> None:
    fresh = config(**{section: {key: value}})
    assert revise(config(), fresh) == Revision(fresh, live=(f"{section}.{key}",))


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("listen", "address", "127.0.0.1:1"),
        ("listen", "socket_mode", "0660"),
        ("admin", "address", "127.0.0.1:1"),
        ("upstream", "max_connections", 1),
        ("session", "dialect", "fincard"),
        ("replay", "max_total", 1),
        ("log", "format", "json"),
        ("audit", "file", "a.jsonl"),
        ("tracing", "sample", 0.5),
    ],
)
def test_what_sockets_connections_and_dialect_were_made_of_waits_for_a_restart(
    section: str, key: str, value: object
) -> None:
    fresh = config(**{section: {key: value}})
    assert revise(config(), fresh) == Revision(config(), restart=(f"{section}.{key}",))


def test_who_may_call_over_a_unix_socket_is_taken_over_at_once_and_who_owns_it_is_not() -> None:
    before = config(listen={"address": "unix:/run/s"})
    fresh = config(listen={"address": "unix:/run/s", "allowed_users": ["app"], "socket_owner": "app"})
    revision = revise(before, fresh)
    assert (revision.live, revision.restart) == (("listen.allowed_users",), ("listen.socket_owner",))
    assert (revision.config.listen.allowed_users, revision.config.listen.socket_owner) == (("app",), None)


def test_users_that_come_together_with_a_unix_socket_wait_for_it() -> None:
    with pytest.raises(ConfigError, match=r"^listen\.allowed_users") as raised:
        revise(config(), config(listen={"address": "unix:/run/s", "allowed_users": ["app"]}))
    assert raised.value.remedy.startswith("Restart the sidecar")


def test_nested_keys_are_told_by_their_whole_name_and_taken_over_alone() -> None:
    fresh = config(session={"refresh": {"margin": 1.0, "enabled": False}, "backoff": {"first": 2.0}})
    revision = revise(config(), fresh)
    assert revision.live == ("session.refresh.margin", "session.backoff.first")
    assert revision.restart == ("session.refresh.enabled",)
    assert (revision.config.session.refresh.margin, revision.config.session.refresh.enabled) == (1.0, True)


def test_the_fields_change_as_one() -> None:
    fresh = config(fields={"X-Powered-By": {"remove": True}})
    revision = revise(config(), fresh)
    assert revision.live == ("fields",)
    assert revision.config.fields == fresh.fields


def test_another_url_waits_for_a_restart_and_so_does_the_token_endpoints() -> None:
    revision = revise(config(), config(upstream={"url": "https://other.example"}))
    assert revision.restart == ("upstream.url", "session.url")
    assert revision.config == config()


def test_in_another_environment_nothing_is_the_same() -> None:
    revision = revise(config(), config("integration", listen={"max_body": 1}))
    assert revision.config == config()
    assert revision.live == ()
    assert {"environment", "listen.max_body", "session.dialect"} <= set(revision.restart)


def test_a_listener_that_stays_open_to_the_world_does_not_lose_its_key() -> None:
    exposed = config(listen={"address": "0.0.0.0:8080", "unsafe_listen": True, "caller_key": {"env": "K"}})
    with pytest.raises(ConfigError, match=r"listen\.address") as raised:
        revise(exposed, config())
    assert raised.value.remedy.startswith("Restart the sidecar")


@pytest.mark.parametrize(
    ("what", "login", "kept"),
    [
        ((), False, True),
        (("listen.allow", "log.level", "caller key"), False, True),
        (("credentials.password",), False, True),  # the reference alone: the secret in it is compared by content
        (("secrets",), True, True),
        (("identity",), True, True),
        (("CA",), True, True),
        (("CRL",), True, True),
        (("fields",), True, True),
        (("session.client_ip",), True, True),
        (("upstream.pins",), True, True),
        (("credentials.grant_type",), True, True),
        (("credentials.username", "secrets"), True, False),
        (("credentials.tenant_id",), True, False),
        (("credentials.customer_id",), True, False),
    ],
)
def test_another_user_means_another_token_and_other_proofs_another_login(
    what: tuple[str, ...],
    login: bool,  # noqa: FBT001  # a table's column
    kept: bool,  # noqa: FBT001  # a table's column
) -> None:
    assert (wants_login(what), keeps_token(what)) == (login, kept)


@pytest.mark.parametrize("what", ["upstream.proxy", "proxy credentials"])
def test_another_way_to_finhub_is_worth_a_login_and_keeps_the_token(what: str) -> None:
    assert wants_login([what])
    assert keeps_token([what])
