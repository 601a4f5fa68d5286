from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config import addresses
from sidecar.config.addresses import Address
from sidecar.config.problems import Unfit

if TYPE_CHECKING:
    import ipaddress


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("localhost:0", "localhost", 0),
        ("[::1]:8080", "::1", 8080),
        ("0.0.0.0:80", "0.0.0.0", 80),  # noqa: S104  # parsed here, never bound
        ("finhub_sidecar.pod.local:65535", "finhub_sidecar.pod.local", 65535),
    ],
)
def test_a_tcp_address_is_a_host_and_a_port(text: str, host: str, port: int) -> None:
    assert addresses.address(text) == Address(text, "tcp", host=host, port=port)


def test_a_unix_address_is_a_path() -> None:
    found = addresses.address("unix:/run/finhub.sock")
    assert (found.kind, found.path, found.host, found.port) == ("unix", "/run/finhub.sock", "", 0)


@given(st.ip_addresses(), st.integers(0, 65535))
def test_every_ip_address_with_a_port_is_given_back_as_written(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> None:
    text = f"[{ip}]:{port}" if ip.version == 6 else f"{ip}:{port}"
    found = addresses.address(text)
    assert str(found) == text
    assert found.is_loopback == ip.is_loopback
    assert addresses.address(found) is found


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("localhost:8080", True),
        ("LOCALHOST:8080", True),
        ("127.8.9.1:80", True),
        ("[::1]:80", True),
        ("unix:/x", True),
        ("0.0.0.0:80", False),
        ("[::]:80", False),
        ("192.168.0.1:80", False),
        ("localhost.example:80", False),
    ],
)
def test_loopback_is_what_only_this_machine_can_reach(text: str, loopback: bool) -> None:  # noqa: FBT001  # a table
    assert addresses.address(text).is_loopback is loopback


@pytest.mark.parametrize(
    "value",
    [
        "",
        ":8080",
        "localhost",
        "127.0.0.1",
        "8080",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:٨٠",
        "::1:8080",
        "[127.0.0.1]:80",
        "[::1]",
        "[nonsense]:80",
        "999.0.0.1:80",
        "127.1:80",
        "*:80",
        "a b:80",
        "-a:80",
        "http://localhost:80",
        "unix:",
        "unix:/a\nb",
        8080,
        None,
    ],
)
def test_what_is_no_address_is_refused_with_the_form(value: object) -> None:
    with pytest.raises(Unfit, match='"HOST:PORT"'):
        addresses.address(value)


@pytest.mark.parametrize("value", ["127.0.0.1", "::1", "10.9.8.7"])
def test_an_ip_address_is_one(value: str) -> None:
    assert addresses.ip(value) == value


@pytest.mark.parametrize("value", ["localhost", "1.2.3", "", 1, None])
def test_what_is_no_ip_address_is_refused(value: object) -> None:
    with pytest.raises(Unfit):
        addresses.ip(value)


@given(st.ip_addresses())
def test_a_lone_address_is_a_network_of_one(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    found = addresses.network(str(ip))
    assert found.num_addresses == 1
    assert addresses.network(found) is found


@pytest.mark.parametrize("value", ["10.0.0.1/8", "10.0.0.0/33", "host", "", 7, None])
def test_what_is_no_network_is_refused(value: object) -> None:
    with pytest.raises(Unfit, match="a network"):
        addresses.network(value)


@pytest.mark.parametrize("value", ["localhost", "LocalHost:8080", "[::1]", "[::1]:80", "127.0.0.1"])
def test_an_allowed_host_may_have_a_port(value: str) -> None:
    assert addresses.allowed_host(value) == value.lower()


@pytest.mark.parametrize("value", ["", "*", "a/b", "::1", "[::1", "http://a", "a:b", 1])
def test_what_is_no_host_is_refused(value: object) -> None:
    with pytest.raises(Unfit):
        addresses.allowed_host(value)


@pytest.mark.parametrize("value", ["http://localhost:3000", "HTTPS://App.Example", "chrome-extension://abc"])
def test_a_browser_origin_is_a_scheme_and_a_host(value: str) -> None:
    assert addresses.browser_origin(value) == value.lower()


@pytest.mark.parametrize("value", ["null", "*", "http://a/", "http://a?b", "http://u@a", "localhost:3000", "", 1])
def test_what_is_no_browser_origin_is_refused(value: object) -> None:
    with pytest.raises(Unfit):
        addresses.browser_origin(value)


@pytest.mark.parametrize(
    ("value", "origin"),
    [
        ("https://api.finhub.cloud", "https://api.finhub.cloud"),
        ("HTTPS://api.finhub.cloud:8443/", "https://api.finhub.cloud:8443"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_an_origin_is_a_scheme_a_host_and_perhaps_a_port(value: str, origin: str) -> None:
    assert addresses.origin(value) == origin
    assert addresses.origin(origin) == origin


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("https://user:hunter2@a", "user information"),
        ("https://a/b", "a path"),
        ("https://a//", "a path"),
        ("https://a?token=hunter2", "a query"),
        ("https://a#hunter2", "a fragment"),
        ("ftp://a", "without https://"),
        ("api.finhub.cloud", "without https://"),
        ("https://", "host or port"),
        ("https://a:99999", "host or port"),
        ("https://a b", "host or port"),
        ("https://a:0", "port 0"),
    ],
)
def test_what_is_no_origin_is_refused_in_words_that_do_not_repeat_it(value: str, found: str) -> None:
    with pytest.raises(Unfit) as caught:
        addresses.origin(value)
    assert caught.value.found is not None
    assert found in caught.value.found
    assert "hunter2" not in caught.value.found + caught.value.expected


def test_an_origin_is_a_text() -> None:
    with pytest.raises(Unfit):
        addresses.origin(1)


def test_an_origin_tells_its_host_and_whether_it_is_plain() -> None:
    assert addresses.host_of("https://Api.FinHub.cloud:8443") == "api.finhub.cloud"
    assert addresses.host_of("http://[::1]:80") == "::1"
    assert addresses.is_plain("http://a")
    assert not addresses.is_plain("https://a")


# ── proxies ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "proxy"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("HTTP://proxy.example:3128/", "http://proxy.example:3128"),
        ("http://proxy.example", "http://proxy.example"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_proxy_is_a_host_and_perhaps_a_port(value: str, proxy: str) -> None:
    assert addresses.proxy(value) == proxy
    assert addresses.proxy(proxy) == proxy


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("https://proxy.example:3128", "a proxy that is itself spoken to over TLS"),
        ("http://shop:t0p-secret@proxy.example:3128", "a URL with user information"),
        ("http://proxy.example:3128/a", "a URL with a path"),
        ("socks5://proxy.example:1080", "a URL without http:// in front"),
        (3128, None),
    ],
)
def test_what_is_no_proxy_is_refused_in_words_that_do_not_repeat_it(value: object, found: str | None) -> None:
    with pytest.raises(Unfit) as caught:
        addresses.proxy(value)
    assert caught.value.expected == addresses.PROXY_FORM
    assert caught.value.found == found
