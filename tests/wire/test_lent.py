from __future__ import annotations

import contextlib
import gc
import os
import socket
from typing import TYPE_CHECKING

import pytest
from asking import asking
from origin import OK, Visit, serving

from sidecar.wire.client import open_client
from sidecar.wire.lent import Lent, lent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    Asked = Callable[[list[set[int]]], AbstractAsyncContextManager[None]]


def test_a_socket_that_was_closed_behind_its_back_does_not_close_what_has_its_number_now() -> None:
    plug = lent((socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 1)))
    number = plug.fileno()
    os.close(number)  # as libuv does
    other = os.dup(0)
    assert other == number
    del plug
    gc.collect()
    os.fstat(other)
    os.close(other)


def test_a_lent_socket_is_closed_by_whoever_says_so() -> None:
    plug = lent((socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 1)))
    number = plug.fileno()
    plug.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def numbers_lent() -> set[int]:
    return {one.fileno() for one in gc.get_objects() if isinstance(one, Lent)} - {-1}


@contextlib.asynccontextmanager
async def by_the_token_endpoints_client(visited: list[set[int]]) -> AsyncIterator[None]:
    async def script(visit: Visit) -> None:
        await visit.request()
        visited.append(numbers_lent())
        await visit.send(OK)

    async with serving(script) as origin, open_client() as http, http.get(origin.url) as reply:
        yield
        await reply.read()


@contextlib.asynccontextmanager
async def by_the_gateway(visited: list[set[int]]) -> AsyncIterator[None]:
    async def script(visit: Visit) -> None:
        await visit.request()
        visited.append(numbers_lent())
        await visit.send(OK)

    async with asking(script) as stage:
        await stage.ask()
        yield


@pytest.mark.parametrize("asked", [by_the_token_endpoints_client, by_the_gateway])
async def test_connections_to_finhub_are_made_with_lent_sockets(asked: Asked) -> None:
    visited: list[set[int]] = []
    async with asked(visited):
        assert [len(numbers) for numbers in visited] == [1]
