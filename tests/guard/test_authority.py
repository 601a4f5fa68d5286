from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import ConfigError, MalformedRequest, RequestDenied
from sidecar.guard.authority import AllowedHosts, require_one_host
from sidecar.guard.refusal import rule_of

HOSTS = AllowedHosts.build(
    ["localhost", "127.0.0.1", "[::1]", "Finhub.Local.:8080", "web.example:80", "zero.example:0"]
)


@pytest.mark.parametrize(
    "value",
    [
        b"localhost",
        b"LocalHost:8080",
        b"localhost:1",
        b"localhost.",
        b"localhost.:9",
        b"localhost:",
        b"127.0.0.1:8080",
        b"[::1]",
        b"[::1]:8080",
        b"[0:0:0:0:0:0:0:1]:8080",
        b"finhub.local:8080",
        b"finhub.local.:8080",
        b"web.example",
        b"web.example:80",
        b"web.example:",
        b"zero.example:0",
    ],
)
def test_a_host_on_the_list_is_admitted_in_any_spelling(value: bytes) -> None:
    HOSTS.admit(value)


@pytest.mark.parametrize(
    "value",
    [
        b"evil.example",
        b"localhost.evil.example",
        b"evil.localhost",
        b"localhost..",
        b"127.0.0.2",
        b"127.1",
        b"2130706433",
        b"[::2]",
        b"finhub.local",
        b"finhub.local:8081",
        b"web.example:8080",
        b"zero.example",
        b"web.example:0",
        b".",
    ],
)
def test_any_other_host_is_refused_with_the_key_to_change(value: bytes) -> None:
    with pytest.raises(RequestDenied) as refusal:
        HOSTS.admit(value)
    assert rule_of(refusal.value) == "host"
    assert value.decode() in refusal.value.detail
    assert "listen.allowed_hosts" in refusal.value.remedy


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b":8080",
        b"user@localhost",
        b"localhost:http",
        b"localhost:+1",
        b"localhost:123456",
        b"localhost/",
        b"local host",
        b"localhost#",
        b"localhost?",
        b"::1",
        b"[::1",
        b"[::1]x",
        b"[1.2.3]",
        b"[localhost]",
        b"http://localhost",
        b"caf\xc3\xa9",
        b"localhost:\xd9\xa1",
    ],
)
def test_what_is_no_host_is_malformed(value: bytes) -> None:
    with pytest.raises(MalformedRequest) as refusal:
        HOSTS.admit(value)
    assert rule_of(refusal.value) == "host"


@pytest.mark.parametrize("values", [None, [], [b"localhost", b"localhost"], [b"a", b"b"]])
def test_trap_x_no_host_and_two_hosts_are_malformed(values: list[bytes] | None) -> None:
    with pytest.raises(MalformedRequest, match="exactly one"):
        require_one_host({} if values is None else {b"host": values})


def test_trap_x_a_list_of_hosts_is_malformed() -> None:
    with pytest.raises(MalformedRequest, match="list"):
        require_one_host({b"host": [b"localhost, evil.example"]})


def test_one_host_comes_back() -> None:
    assert require_one_host({b"host": [b"localhost"]}) == b"localhost"


@given(st.binary())
def test_any_bytes_are_admitted_or_refused(value: bytes) -> None:
    try:
        HOSTS.admit(value)
    except (MalformedRequest, RequestDenied):
        return
    assert value.lower().startswith(
        (b"localhost", b"127.0.0.1", b"[", b"finhub.local", b"web.example", b"zero.example")
    )


def test_an_entry_that_is_no_host_is_an_error_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"listen\.allowed_hosts: 'http://localhost'"):
        AllowedHosts.build(["http://localhost"])
