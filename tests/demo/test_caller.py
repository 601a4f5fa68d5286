from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from sidecar.demo.caller import Caller, Got

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def answering(reply: bytes) -> AsyncIterator[tuple[Caller, list[bytes]]]:
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or b"0")
        heard.append(head + await reader.readexactly(size))
        writer.write(reply)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield Caller(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"), heard


async def test_it_sends_no_token_and_no_field_of_FinHubs() -> None:  # noqa: N802  # its name
    async with answering(b'HTTP/1.1 200 OK\r\n\r\n{"a": 1}') as (caller, heard):
        assert await caller.get("/x") == Got(200, {"a": 1})
    names = {line.partition(b":")[0].lower() for line in heard[0].split(b"\r\n")[1:] if line}
    assert heard[0].startswith(b"GET /x HTTP/1.1\r\n")
    assert names == {b"accept-encoding", b"host", b"user-agent", b"connection"}


async def test_it_posts_json_and_bytes_as_they_are() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\n\r\n{}") as (caller, heard):
        await caller.post("/x", {"b": [2]})
        await caller.send("/y", b"\x00\xff", "application/octet-stream")
    assert heard[0].endswith(b'\r\n\r\n{"b": [2]}')
    assert b"Content-Type: application/json\r\n" in heard[0]
    assert heard[1].endswith(b"\r\n\r\n\x00\xff")
    assert b"Content-Type: application/octet-stream\r\n" in heard[1]


@pytest.mark.parametrize(
    ("reply", "got"),
    [
        (b'HTTP/1.1 503 Busy\r\nContent-Length: 7\r\n\r\n{"a":1}', Got(503, {"a": 1})),
        (b"HTTP/1.1 502 Bad\r\nContent-Length: 4\r\n\r\noops", Got(502, None)),
        (b"HTTP/1.1 200 OK\r\n\r\noops", Got(200, None)),
        (b"", Got(0, None)),
    ],
)
async def test_whatever_comes_is_told_and_nothing_raised(reply: bytes, got: Got) -> None:
    async with answering(reply) as (caller, _):
        assert await caller.get("/x") == got


async def test_the_environments_proxy_is_not_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with answering(b"HTTP/1.1 200 OK\r\n\r\n{}") as (caller, _):
        assert (await caller.get("/x")).status == 200


async def test_where_nobody_listens_nothing_is_raised(unused_tcp_port: int) -> None:
    assert await Caller(f"http://127.0.0.1:{unused_tcp_port}").get("/") == Got(0, None)
