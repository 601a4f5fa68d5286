"""The wire carries every byte, keeps it, and opens its gate only when all are there."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import clientwire
import pytest
from clientwire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWERS_WITHIN = 30


@pytest.fixture
def carried() -> Iterator[Wire]:
    """A wire to a server that repeats what it hears."""
    with socket.create_server(("127.0.0.1", 0)) as listener, Wire(listener.getsockname()[1]) as tap:
        thread = threading.Thread(target=repeat, args=(listener,), daemon=True)
        thread.start()
        yield tap
        listener.shutdown(socket.SHUT_RDWR)


def repeat(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            threading.Thread(target=echo, args=(listener.accept()[0],), daemon=True).start()


def echo(connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        while heard := connection.recv(65536):
            connection.sendall(heard)


def dial(tap: Wire) -> socket.socket:
    return socket.create_connection(("127.0.0.1", tap.port), ANSWERS_WITHIN)


def test_both_directions_are_kept_for_each_connection(carried: Wire) -> None:
    carried.prepare()
    with dial(carried) as first, dial(carried) as second:
        for connection, said in ((first, b"one"), (second, b"two")):
            connection.sendall(said)
            assert connection.recv(10) == said
    assert [(bytes(line.up), bytes(line.down)) for line in carried.heard()] == [(b"one", b"one"), (b"two", b"two")]


def test_what_was_said_before_is_forgotten(carried: Wire) -> None:
    with dial(carried) as connection:
        for said in (b"old", b"new"):
            carried.prepare()
            connection.sendall(said)
            assert connection.recv(10) == said
    assert [bytes(line.up) for line in carried.heard()] == [b"new"]


def test_a_reply_that_comes_late_shows_who_waited_for_it(carried: Wire) -> None:
    carried.prepare(late=0.3)
    with dial(carried) as connection:
        connection.sendall(b"head")
        assert connection.recv(4) == b"head"
        connection.sendall(b"body")
        assert connection.recv(4) == b"body"
    (line,) = carried.heard()
    assert line.before_reply == 4


def test_a_gate_opens_when_all_are_there(carried: Wire) -> None:
    carried.prepare(together=2, alone=1)
    with dial(carried) as alone, dial(carried) as first, dial(carried) as second:
        alone.sendall(b"x")
        assert alone.recv(1) == b"x"
        first.sendall(b"x")
        first.settimeout(0.3)
        with pytest.raises(TimeoutError):
            first.recv(1)
        second.sendall(b"x")
        first.settimeout(ANSWERS_WITHIN)
        assert (first.recv(1), second.recv(1)) == (b"x", b"x")
    assert carried.together() == 2


def test_a_gate_that_waits_in_vain_says_so(carried: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clientwire, "_GATHERS_WITHIN", 0.1)
    carried.prepare(together=2)
    with dial(carried) as first, dial(carried) as second:
        for connection in (first, second):
            connection.sendall(b"x")
            assert connection.recv(1) == b"x"
    assert carried.together() == 1
