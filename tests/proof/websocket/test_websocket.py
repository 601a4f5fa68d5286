"""WebSocket through the real sidecar and mutual TLS: byte for byte what comes directly.

A small share of what `.ci/websocket-suite` does with Autobahn's own suite.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest
import wsstage
from wscases import cases
from wsframes import ACCEPT, shake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wscases import Case
    from wsstage import Ways

PATIENCE = 10.0


@pytest.fixture(scope="module")
def ways() -> Iterator[Ways]:
    with wsstage.staged() as staged:
        yield staged


def heard(where: str, case: Case) -> bytes:
    """Shake hands and play the case; return all that came behind the handshake's answer until the other side ended."""
    host, _, port = where.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.sendall(shake(host=where.encode()))
        raw = b""
        while b"\r\n\r\n" not in raw:
            raw += received(plain)
        head, _, said = raw.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert ACCEPT in head
        play(plain, case)
        while data := received(plain):
            said += data
        return said


def play(plain: socket.socket, case: Case) -> None:
    """Send the case. The other side may end before it is over: that is what some are about."""
    try:
        for part in case.parts:
            pieces = [bytes([one]) for one in part] if case.crumbs else [part]
            for piece in pieces:
                plain.sendall(piece)
    except ConnectionError:
        return


def received(plain: socket.socket) -> bytes:
    """Return what comes next; a reset is an end, too, where something of ours was not read any more."""
    try:
        return plain.recv(1 << 16)
    except ConnectionResetError:
        return b""


def test_each_exchange_is_byte_for_byte_what_it_is_directly(ways: Ways, figures: Callable[[str], None]) -> None:
    played = list(cases())
    for case in played:
        assert heard(ways.through, case) == heard(ways.direct, case), case.name
    end = time.monotonic() + PATIENCE
    while len(ways.requests()) < len(played) and time.monotonic() < end:
        time.sleep(0.05)
    lines = ways.requests()
    assert [line["status"] for line in lines] == [101] * len(played)
    assert [line for line in lines if line["outcome"] != "complete"] == []
    assert ways.sidecar.bugs() == []
    figures(f"{len(played)} exchanges, byte for byte as directly")
