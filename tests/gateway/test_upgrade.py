"""Who asks to switch protocols, and what says yes: RFC 9110 §7.8, RFC 6455 §4."""

from __future__ import annotations

import pytest

from sidecar.gateway import upgrade

ASKING = ((b"Host", b"localhost"), (b"Connection", b"Upgrade"), (b"Upgrade", b"websocket"))


def test_a_get_without_a_body_asks() -> None:
    assert upgrade.wished("GET", (1, 1), ASKING, 0) == b"websocket"


@pytest.mark.parametrize(
    ("method", "version", "length"),
    [
        ("POST", (1, 1), 0),
        ("get", (1, 1), 0),
        ("GET", (1, 0), 0),  # RFC 9110 §7.8: ignored
        ("GET", (1, 1), 3),
        ("GET", (1, 1), None),
    ],
)
def test_whoever_asks_otherwise_does_not_ask(method: str, version: tuple[int, int], length: int | None) -> None:
    assert upgrade.wished(method, version, ASKING, length) == b""


@pytest.mark.parametrize(
    "fields",
    [
        ((b"connection", b"keep-alive, UPGRADE"), (b"upgrade", b" WebSocket\t")),
        ((b"Connection", b"keep-alive"), (b"Upgrade", b"websocket"), (b"CONNECTION", b"upgrade")),
    ],
)
def test_names_and_words_have_no_case_and_connection_is_one_list(fields: tuple[tuple[bytes, bytes], ...]) -> None:
    assert upgrade.named(fields) == b"websocket"


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ((b"Upgrade", b"websocket"),),
        ((b"Connection", b"Upgrade"),),
        ((b"Connection", b"close"), (b"Upgrade", b"websocket")),
        ((b"Connection", b"Upgrade"), (b"Upgrade", b"websocket"), (b"Upgrade", b"h2c")),
        ((b"Connection", b"Upgrade"), (b"Upgrade", b"websocket"), (b"Upgrade", b"websocket")),
    ],
)
def test_half_a_wish_or_two_are_none(fields: tuple[tuple[bytes, bytes], ...]) -> None:
    assert upgrade.named(fields) == b""


def test_a_choice_of_protocols_is_not_the_one_that_may_be_switched_to() -> None:
    assert upgrade.named(((b"Connection", b"Upgrade"), (b"Upgrade", b"websocket, h2c"))) == b"websocket, h2c"


def test_what_asks_is_what_is_asked_by() -> None:
    assert upgrade.named(upgrade.asking(b"websocket")) == b"websocket"


def test_yes_has_all_fields_but_a_length() -> None:
    fields = ((b"Sec-WebSocket-Accept", b"abc="), (b"Content-Length", b"0"), (b"X-A", b"1"), (b"x-a", b"2"))
    assert upgrade.yes(b"websocket", b"Switching Protocols", fields) == (
        b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: abc=\r\nX-A: 1\r\nx-a: 2\r\n"
        b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )
