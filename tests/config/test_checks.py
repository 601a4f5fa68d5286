from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sidecar.config import checks
from sidecar.config.build import build
from sidecar.config.defaults import defaults
from sidecar.config.merge import overlay
from sidecar.errors import ConfigError

if TYPE_CHECKING:
    from sidecar.config.model import Config

MINIMAL: dict[str, Any] = {"environment": "playground", "credentials": {"tenant_id": "1"}}
PEER = {"allowed_peers": ["10.0.0.0/8"]}
KEY = {"caller_key": {"env": "KEY"}}


def made(given: dict[str, Any]) -> Config:
    whole = overlay(MINIMAL, given)
    return build(whole, defaults(whole["environment"]))  # type: ignore[arg-type]  # an environment is a string


def keys(given: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        made(given)
    return [line.partition(":")[0] for line in caught.value.detail.splitlines()]


@pytest.mark.parametrize(
    ("listen", "problems"),
    [
        ({"address": "0.0.0.0:80"}, ["listen.address", "listen.caller_key"]),
        ({"address": "0.0.0.0:80", **KEY}, ["listen.address"]),
        ({"address": "0.0.0.0:80", "unsafe_listen": True}, ["listen.caller_key"]),
        ({"address": "0.0.0.0:80", **PEER}, ["listen.address", "listen.allowed_peers"]),
        (PEER, ["listen.allowed_peers"]),
    ],
)
def test_beyond_loopback_it_takes_a_word_and_a_key_or_peers(listen: dict[str, Any], problems: list[str]) -> None:
    assert keys({"listen": listen}) == problems


@pytest.mark.parametrize("more", [KEY, PEER])
@pytest.mark.parametrize("address", ["0.0.0.0:80", "127.0.0.1:80"])
def test_with_the_word_and_one_of_the_two_any_address_will_do(address: str, more: dict[str, Any]) -> None:
    config = made({"listen": {"address": address, "unsafe_listen": True, **more}})
    assert str(config.listen.address) == address


PROXY = {"proxy": "http://proxy.example:3128"}
USER, PASSWORD = {"proxy_user": {"env": "U"}}, {"proxy_password": {"env": "P"}}


@pytest.mark.parametrize(
    ("upstream", "problems"),
    [
        (USER | PROXY, ["upstream.proxy_password"]),
        (PASSWORD | PROXY, ["upstream.proxy_user"]),
        (USER | PASSWORD, ["upstream.proxy_password", "upstream.proxy_user"]),
        (PROXY | {"url": "http://localhost:1"}, ["upstream.proxy"]),
    ],
)
def test_a_proxy_has_both_credentials_or_none_and_carries_tls_alone(
    upstream: dict[str, Any], problems: list[str]
) -> None:
    assert keys({"upstream": {"url": "https://finhub.example", **upstream}}) == problems


def test_a_login_without_tls_does_not_go_through_a_proxy_either() -> None:
    given = {"upstream": {"url": "https://finhub.example", **PROXY}, "session": {"url": "http://localhost:1"}}
    assert keys(given) == ["upstream.proxy"]


@pytest.mark.parametrize("more", [{}, USER | PASSWORD])
def test_a_proxy_may_ask_for_credentials_or_not(more: dict[str, Any]) -> None:
    config = made({"upstream": {"url": "https://finhub.example", **PROXY, **more}})
    assert config.upstream.proxy == "http://proxy.example:3128"


@pytest.mark.parametrize("address", ["127.0.0.1:9901", "unix:/a"])
def test_two_listeners_need_two_addresses(address: str) -> None:
    assert keys({"listen": {"address": address}, "admin": {"address": address}}) == ["admin.address"]


@pytest.mark.parametrize(
    ("listen", "problems"),
    [
        ({"socket_owner": ":app"}, ["listen.socket_owner"]),
        ({"allowed_users": ["app"]}, ["listen.allowed_users"]),
        ({"socket_owner": "app", "allowed_users": ["app"]}, ["listen.socket_owner", "listen.allowed_users"]),
    ],
)
def test_owner_and_users_are_for_a_unix_socket_only(listen: dict[str, Any], problems: list[str]) -> None:
    assert keys({"listen": {"address": "127.0.0.1:80", **listen}}) == problems
    config = made({"listen": {"address": "unix:/run/s", "socket_mode": "0660", **listen}})
    assert (config.listen.socket_mode, str(config.listen.address)) == ("0660", "unix:/run/s")


@pytest.mark.parametrize("broken", ["address", "socket_owner", "allowed_users"])
def test_owner_and_users_are_not_judged_while_one_of_their_keys_is_wrong(broken: str) -> None:
    config = made({"listen": {"address": "unix:/run/s", "socket_owner": "app", "allowed_users": ["app"]}})
    tcp = made({}).listen.address
    config = config.replaced({"listen": config.listen.replaced({"address": tcp})})
    assert [problem.key for problem in checks.problems(config, ())] == ["listen.socket_owner", "listen.allowed_users"]
    assert list(checks.problems(config, [("listen", broken)])) == []


def test_two_free_ports_are_two_addresses() -> None:
    config = made({"listen": {"address": "127.0.0.1:0"}, "admin": {"address": "127.0.0.1:0"}})
    assert config.admin.address == config.listen.address


@pytest.mark.parametrize("url", ["http://localhost:1", "http://[::1]:1", "http://playground.finhub.cloud:8080"])
def test_plain_http_goes_to_loopback_and_the_playground_itself(url: str) -> None:
    assert made({"upstream": {"url": url}}).session.url == url


@pytest.mark.parametrize("url", ["http://api.finhub.cloud", "http://localhost.evil.example", "http://10.0.0.1"])
def test_plain_http_goes_nowhere_else(url: str) -> None:
    assert keys({"upstream": {"url": url}}) == ["upstream.url"]
    assert keys({"session": {"url": url}}) == ["session.url"]


@pytest.mark.parametrize("environment", ["playground", "production"])
def test_https_goes_anywhere(environment: str) -> None:
    urls = {"upstream": {"url": "https://10.0.0.1"}, "session": {"url": "https://login.example"}}
    assert made({"environment": environment, **urls}).session.url == "https://login.example"


@pytest.mark.parametrize("environment", ["integration", "production"])
def test_plain_http_exists_in_the_playground_only(environment: str) -> None:
    assert keys({"environment": environment, "upstream": {"url": "http://localhost:1"}}) == ["upstream.url"]


@pytest.mark.parametrize(
    ("identity", "problems"),
    [
        ({"key_file": "k"}, ["identity.certificate_file"]),
        ({"certificate_file": "c", "key_file": "k", "pkcs12_file": "p"}, ["identity.pkcs12_file"]),
        ({"certificate_file": "c", "pkcs12_file": "p"}, ["identity.pkcs12_file"]),
        ({"key_file": "k", "pkcs12_file": "p"}, ["identity.certificate_file", "identity.pkcs12_file"]),
        ({"key_password": {"env": "P"}}, ["identity.key_password"]),
    ],
)
def test_an_identity_is_a_whole_pair_or_one_file(identity: dict[str, Any], problems: list[str]) -> None:
    assert keys({"identity": identity}) == problems


@pytest.mark.parametrize(
    "identity",
    [
        {},
        {"certificate_file": "c"},
        {"certificate_file": "c", "key_file": "c"},
        {"certificate_file": "c", "key_file": "k", "key_password": {"env": "P"}},
        {"pkcs12_file": "p", "key_password": {"env": "P"}},
    ],
)
def test_an_identity_may_be_missing_a_pair_or_one_file(identity: dict[str, Any]) -> None:
    assert made({"identity": identity}).identity.is_given == bool(identity)


def test_a_field_that_carries_the_tenant_needs_one() -> None:
    given = {"environment": "playground", "fields": {"X-T": {"value": "t={tenant_id}"}}}
    with pytest.raises(ConfigError, match=r"^credentials.tenant_id: found nothing; .*fields.X-Tenant-ID, fields.X-T "):
        build(given, defaults("playground"))


def test_without_such_a_field_no_tenant_is_needed() -> None:
    given = {"environment": "playground", "fields": {"x-tenant-id": {"remove": True}}}
    assert build(given, defaults("playground")).credentials.tenant_id is None


def test_a_drain_ends_after_it_began() -> None:
    assert keys({"drain": {"min": 30}}) == ["drain.min"]
    assert made({"drain": {"min": 1, "max": 1}}).drain.min == 1


@pytest.mark.parametrize(
    "broken", [("listen", "address"), ("listen",), ("listen", "unsafe_listen"), ("listen", "caller_key")]
)
def test_a_check_is_left_out_while_a_key_that_it_needs_is_wrong(broken: tuple[str, ...]) -> None:
    config = made({})
    exposed = config.listen.replaced({"address": checks_address()})
    config = config.replaced({"listen": exposed})
    assert [problem.key for problem in checks.problems(config, ())] == ["listen.address", "listen.caller_key"]
    assert list(checks.problems(config, [broken])) == []


def checks_address() -> object:
    return made({"listen": {"address": "10.0.0.1:80", "unsafe_listen": True, **KEY}}).listen.address


REDIS: dict[str, Any] = {"store": "redis://cache", "store_key": {"env": "K"}}
PAIR = {"certificate_file": "c", "key_file": "k"}


@pytest.mark.parametrize(
    ("session", "problems"),
    [
        ({"store": "file:x"}, ["session.store_key"]),
        ({"store": "redis://cache"}, ["session.store_key"]),
        ({**REDIS, "logout": True}, ["session.logout"]),
        ({"store_user": "u", "store_password": {"env": "P"}}, ["session.store_user", "session.store_password"]),
        ({"store": "file:x", "store_key": {"env": "K"}, "store_user": "u"}, ["session.store_user"]),
        ({**REDIS, "store_tls": PAIR}, ["session.store_tls.certificate_file", "session.store_tls.key_file"]),
        ({"store_tls": {"ca_file": "ca"}}, ["session.store_tls.ca_file"]),
        ({**REDIS, "store": "rediss://cache", "store_tls": {"key_file": "k"}}, ["session.store_tls"]),
    ],
)
def test_what_does_not_go_with_a_store_is_told(session: dict[str, Any], problems: list[str]) -> None:
    assert keys({"session": session}) == problems


@pytest.mark.parametrize(
    "session",
    [
        {"logout": True},
        {"store_key": {"env": "K"}},
        {"store": "file:x", "store_key": {"env": "K"}},
        {**REDIS, "store_user": "u", "store_password": {"env": "P"}},
        {**REDIS, "store": "rediss+cluster://a,b", "store_tls": {"ca_file": "ca", **PAIR}},
    ],
)
def test_what_goes_with_a_store_passes(session: dict[str, Any]) -> None:
    made({"session": session})
