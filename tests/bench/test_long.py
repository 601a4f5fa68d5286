"""Idle callers must still be connected when the load beside them has ended."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from bench import long
from bench.errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Iterator

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@contextlib.contextmanager
def answering() -> Iterator[tuple[int, list[socket.socket]]]:
    """Answer two connections once each; yields the port and the connections."""
    taken: list[socket.socket] = []
    with contextlib.ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                taken.append(stack.enter_context(listener.accept()[0]))
                taken[-1].sendall(REPLY)

        server = threading.Thread(target=serve)
        server.start()
        yield listener.getsockname()[1], taken
        server.join()


def test_connections_that_stay_are_idle_callers() -> None:
    with answering() as (port, _), long.idle_callers(port, 2):
        pass


def test_a_connection_that_was_ended_meanwhile_spoils_the_measurement() -> None:
    with contextlib.ExitStack() as idle, answering() as (port, taken):
        idle.enter_context(long.idle_callers(port, 2))
        taken[0].recv(65536)
        taken[0].close()
        with pytest.raises(BenchError, match="1 of 2 idle connections were ended"):
            idle.close()
