from __future__ import annotations

import pytest

from sidecar.admin.guard import admit_operator
from sidecar.errors import MalformedRequest, RequestDenied

HOST = (b"Host", b"localhost:9901")


def admit(*fields: tuple[bytes, bytes], peer: str | None = "127.0.0.1", method: str = "POST") -> None:
    admit_operator(method=method, fields=fields, peer=peer)


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_a_loopback_peer_is_let_in(peer: str) -> None:
    admit(HOST, peer=peer)


@pytest.mark.parametrize("peer", ["10.0.0.1", "::ffff:10.0.0.1", "fe80::1", "0.0.0.0", ""])  # noqa: S104  # a peer, not a listener
def test_no_other_peer_is_let_in_nor_one_without_an_address(peer: str) -> None:
    with pytest.raises(RequestDenied, match="loopback peers only") as raised:
        admit(HOST, peer=peer)
    assert "from this machine" in raised.value.remedy


@pytest.mark.parametrize("host", [b"localhost", b"LOCALHOST:1", b"127.0.0.1:9901", b"127.0.0.2", b"[::1]:9901"])
def test_the_host_is_this_machine_by_its_very_name(host: bytes) -> None:
    admit((b"Host", host))


@pytest.mark.parametrize(
    "host", [b"evil.example", b"localhost.evil.example", b"10.0.0.1", b"[fe80::1]", b"a b", b"", b"localhost:x"]
)
def test_a_page_that_makes_its_own_name_resolve_to_us_is_refused(host: bytes) -> None:
    with pytest.raises(RequestDenied, match="under no other name"):
        admit((b"Host", host))


@pytest.mark.parametrize("fields", [(), (HOST, HOST)])
def test_there_is_exactly_one_host(fields: tuple[tuple[bytes, bytes], ...]) -> None:
    with pytest.raises(MalformedRequest):
        admit(*fields)


@pytest.mark.parametrize(
    "field",
    [
        (b"Origin", b"https://evil.example"),
        (b"Origin", b"http://localhost:9901"),
        (b"Origin", b"null"),
        (b"Sec-Fetch-Site", b"cross-site"),
        (b"sec-fetch-site", b"same-site"),
        (b"Access-Control-Request-Private-Network", b"true"),
    ],
)
def test_no_web_page_is_let_in_and_none_is_told_of_a_key_that_would_not_help(field: tuple[bytes, bytes]) -> None:
    with pytest.raises(RequestDenied, match="no web page") as raised:
        admit(HOST, field)
    assert "allowed_origins" not in raised.value.remedy + raised.value.detail


def test_a_preflight_is_refused() -> None:
    with pytest.raises(RequestDenied):
        admit(HOST, (b"Access-Control-Request-Method", b"POST"), method="OPTIONS")


@pytest.mark.parametrize("site", [b"none", b"same-origin"])
def test_a_typed_address_is_let_in(site: bytes) -> None:
    admit(HOST, (b"Sec-Fetch-Site", site), method="GET")


def test_on_a_unix_socket_neither_peer_nor_host_is_asked_but_a_page_still_is_refused() -> None:
    admit((b"Host", b"anything.example"), peer=None)
    admit(peer=None)
    with pytest.raises(RequestDenied, match="no web page"):
        admit((b"Origin", b"https://evil.example"), peer=None)


def test_two_origins_are_no_request_at_all() -> None:
    with pytest.raises(MalformedRequest):
        admit(HOST, (b"Origin", b"http://a"), (b"Origin", b"http://b"))
