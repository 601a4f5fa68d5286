from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from finhub import client_context

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from finhub import Client


async def raw(client: Client, folder: Path, path: str) -> bytes:
    """Return every byte that FinHub sends to one GET."""
    context: ssl.SSLContext = client_context(client.emulator, folder)
    reader, writer = await asyncio.open_connection("127.0.0.1", client.emulator.port, ssl=context)
    fields = {**client.defaults, "Host": "localhost", "Authorization": f"Bearer {client.token}", "Connection": "close"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
    received = await reader.read()
    writer.close()
    return received


@pytest.fixture
def folder(client: Client, tmp_path: Path) -> Path:
    return tmp_path / str(client.emulator.port)


async def test_a_whole_reply_says_who_sent_it(client: Client, folder: Path) -> None:
    head, _, body = (await raw(client, folder, "/api/bytes/5")).partition(b"\r\n\r\n")
    assert b"\r\nServer: FinHub-emulator/" in head
    assert b"\r\nContent-Length: 5" in head
    assert body == bytes(range(5))


async def test_a_status_without_a_body_has_none(client: Client, folder: Path) -> None:
    head, _, body = (await raw(client, folder, "/api/status/204")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 204 ")
    assert (b"Content-Length" in head, body) == (False, b"")


async def test_a_cut_reply_promises_everything_and_ends_at_the_byte(client: Client, folder: Path) -> None:
    client.emulator.fault("api:cut=100")
    head, _, body = (await raw(client, folder, "/api/bytes/1000")).partition(b"\r\n\r\n")
    assert b"\r\nContent-Length: 1000" in head
    assert body == bytes(range(100))


async def test_a_reply_shorter_than_the_cut_promises_one_byte_more(client: Client, folder: Path) -> None:
    client.emulator.fault("api:cut=100")
    head, _, body = (await raw(client, folder, "/api/bytes/50")).partition(b"\r\n\r\n")
    assert (b"\r\nContent-Length: 101" in head, len(body)) == (True, 50)


async def test_a_cut_before_the_first_byte_leaves_the_head_alone(client: Client, folder: Path) -> None:
    client.emulator.fault("api:cut=0")
    head, _, body = (await raw(client, folder, "/api/bytes/50")).partition(b"\r\n\r\n")
    assert (head.startswith(b"HTTP/1.1 200 "), body) == (True, b"")


async def test_a_cut_chunked_reply_has_no_last_chunk(client: Client, folder: Path) -> None:
    client.emulator.fault("api:cut=3")
    received = await raw(client, folder, "/api/bytes/10?chunked")
    assert received.endswith(b"3\r\n\x00\x01\x02\r\n")


async def test_a_closed_connection_sent_nothing(client: Client, folder: Path) -> None:
    client.emulator.fault("api:close")
    assert await raw(client, folder, "/api/bytes/10") == b""
