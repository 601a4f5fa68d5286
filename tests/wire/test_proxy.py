from __future__ import annotations

import base64

import pytest

from sidecar import errors
from sidecar.redact import Secret, redact
from sidecar.wire import proxy

TO = "api.finhub.test:443"
PLAIN = proxy.proxy("http://proxy.example:3128", None, None)
KNOWN = proxy.proxy("http://proxy.example:3128", Secret("jürgen"), Secret("pa:ss word"))


# ── what is asked ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://proxy.example:3128", "proxy.example", 3128),
        ("http://proxy.example", "proxy.example", 80),
        ("http://[::1]:8080", "::1", 8080),
    ],
)
def test_a_proxy_is_known_by_its_url(url: str, host: str, port: int) -> None:
    one = proxy.proxy(url, None, None)
    assert (one.url, one.host, one.port, one.basic) == (url, host, port, None)


def test_a_tunnel_is_asked_for_in_one_request() -> None:
    assert proxy.request(TO, PLAIN) == (
        b"CONNECT api.finhub.test:443 HTTP/1.1\r\nHost: api.finhub.test:443\r\nUser-Agent: finhub-sidecar\r\n\r\n"
    )


def test_user_and_password_are_basic_credentials_in_utf_8() -> None:
    expected = base64.b64encode("jürgen:pa:ss word".encode())
    assert b"\r\nProxy-Authorization: Basic " + expected + b"\r\n\r\n" in proxy.request(TO, KNOWN)


def test_credentials_hide_themselves_and_are_taken_out_of_what_is_printed() -> None:
    scheme, _, text = KNOWN.fields["Proxy-Authorization"].partition(" ")
    assert (scheme, text in repr(KNOWN)) == ("Basic", False)
    assert redact(f"sent {text}") == "sent [redacted]"


@pytest.mark.parametrize("given", [(None, Secret("pr0xy-passw0rd")), (Secret("pr0xy-us3r"), None)])
def test_half_of_the_credentials_is_none(given: tuple[Secret | None, Secret | None]) -> None:
    assert proxy.proxy("http://proxy.example:1", *given).basic is None


@pytest.mark.parametrize(
    ("user", "password", "key"),
    [
        ("a:b", "secret-word", "proxy_user"),
        ("a\nb", "secret-word", "proxy_user"),
        ("ab", "secret\nword", "proxy_password"),
    ],
)
def test_what_basic_credentials_cannot_spell_is_told_without_the_text(user: str, password: str, key: str) -> None:
    with pytest.raises(errors.SecretError, match=f"^upstream.{key}: ") as caught:
        proxy.proxy("http://proxy.example:1", Secret(user), Secret(password))
    told = caught.value.detail + caught.value.remedy
    assert user not in told
    assert password not in told


@pytest.mark.parametrize(("host", "told"), [("a.example", "a.example:443"), ("::1", "[::1]:443")])
def test_an_authority_has_its_ipv6_address_in_brackets(host: str, told: str) -> None:
    assert proxy.authority(host, 443) == told


# ── what is answered ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("heard", "whole"),
    [
        (b"", False),
        (b"HTTP/1.1 200 OK\r\n", False),
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.0 200 OK\nVia: a\n\n", True),
        (b"x" * proxy.LARGEST_HEAD, False),
        (b"x" * 20_000 + b"\r\n\r\n", True),
    ],
)
def test_a_head_is_whole_with_its_empty_line(heard: bytes, whole: bool) -> None:  # noqa: FBT001  # a case's expectation
    assert proxy.is_whole(heard) is whole


def test_a_head_without_end_is_not_read_on() -> None:
    with pytest.raises(errors.MalformedReply, match="not an HTTP proxy"):
        proxy.is_whole(b"x" * (proxy.LARGEST_HEAD + 1))


@pytest.mark.parametrize(
    "heard",
    [
        b"HTTP/1.1 200 Connection established\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nProxy-agent: tinyproxy/1.11\r\n\r\n",
        b"HTTP/1.1 200\r\n\r\n",
        b"HTTP/1.1 204 Nothing\r\n\r\n",  # any 2xx opens it (RFC 9110 §9.3.6)
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",  # and has no body, whatever its head says
        b"HTTP/1.0 200 OK\nVia: a\n\n",
    ],
)
def test_a_success_opens_the_tunnel(heard: bytes) -> None:
    proxy.judge(heard, TO, PLAIN)


@pytest.mark.parametrize(
    "heard",
    [
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x28\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
    ],
)
def test_what_is_no_answer_to_connect_opens_none(heard: bytes) -> None:
    with pytest.raises(errors.MalformedReply) as caught:
        proxy.judge(heard, TO, PLAIN)
    assert "upstream.proxy" in caught.value.remedy


@pytest.mark.parametrize(
    ("status", "error", "status_for_callers"),
    [
        (400, "connection_refused", 502),
        (401, "proxy_configuration_error", 502),
        (403, "connection_refused", 502),
        (405, "connection_refused", 502),
        (407, "proxy_configuration_error", 502),
        (429, "connection_refused", 502),
        (500, "destination_unavailable", 502),
        (502, "destination_unavailable", 502),
        (503, "destination_unavailable", 502),
        (504, "connection_timeout", 504),
        (600, "http_protocol_error", 502),
    ],
)
def test_a_refusal_has_its_name_and_says_who_refused(status: int, error: str, status_for_callers: int) -> None:
    told = proxy.refused(status, TO, PLAIN)
    assert (told.proxy_error, told.status) == (error, status_for_callers)
    assert "proxy" in told.detail
    assert "upstream." in told.remedy


def test_a_refused_tunnel_names_proxy_target_and_status() -> None:
    with pytest.raises(errors.ConnectionRefused) as caught:
        proxy.judge(b"HTTP/1.1 403 Filtered\r\n\r\n<html>", TO, PLAIN)
    detail = "the proxy http://proxy.example:3128 refuses a tunnel to api.finhub.test:443 (it answered 403)"
    assert caught.value.detail == detail


def test_credentials_that_are_missing_and_credentials_that_are_wrong_are_told_apart() -> None:
    assert "none are configured" in proxy.refused(407, TO, PLAIN).detail
    assert "does not take the configured credentials" in proxy.refused(407, TO, KNOWN).detail
