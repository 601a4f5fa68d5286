"""The least client reads whole replies, however they are cut into pieces."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from bench import client
from bench.errors import BenchError
from bench.transport import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

REPLY = b"HTTP/1.1 203 Fine\r\ncontent-length: 5\r\nX: y\r\n\r\nhello"


@contextlib.contextmanager
def talking(*pieces: bytes) -> Iterator[socket.socket]:
    """Yield a connection on which the pieces come one after the other; each is awaited before the next is sent."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)

        def send() -> None:
            for piece in pieces:
                theirs.sendall(piece)
            theirs.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        yield ours
        sender.join()


def test_a_request_is_one_to_loopback() -> None:
    assert client.request("GET", "/a", "X: y") == b"GET /a HTTP/1.1\r\nHost: localhost\r\nX: y\r\n\r\n"


@pytest.mark.parametrize("at", range(1, len(REPLY)))
def test_a_reply_may_come_in_two_pieces_cut_anywhere(at: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(REPLY[:at])
        reader: list[client.Reply] = []
        thread = threading.Thread(target=lambda: reader.append(client.receive(ours)))
        thread.start()
        theirs.sendall(REPLY[at:])
        thread.join()
    assert reader == [client.Reply(203, b"hello")]


def test_a_long_reply_is_read_to_its_end() -> None:
    body = b"x" * 300_000
    with talking(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n", body) as connection:
        assert client.receive(connection) == client.Reply(200, body)


@pytest.mark.parametrize("pieces", [(), (REPLY[:30],), (REPLY[:-1],)])
def test_a_reply_that_ends_too_early_is_none(pieces: tuple[bytes, ...]) -> None:
    with talking(*pieces) as connection, pytest.raises(BenchError, match="ended in the middle"):
        client.receive(connection)


def test_a_reply_must_say_its_length() -> None:
    with pytest.raises(BenchError, match="without a Content-Length"):
        client.body_length(b"HTTP/1.1 200 OK\r\nX-Content-Length: 5\r\n")


def test_whoever_ends_before_it_answers_is_named() -> None:
    with subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"]) as process:
        process.wait()
        with pytest.raises(BenchError, match="ended with 3"):
            client.first_answer(free_port(), process, client.ASKED)
