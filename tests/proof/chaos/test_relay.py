"""The relay does to a connection what it is told, at the byte that it is told, and to no other."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from relay import Kind, Relay, Strike, Way

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from relay import Tap

SAID = b"0123456789"


@contextlib.asynccontextmanager
async def echoing(tap: Tap = lambda *_: None) -> AsyncIterator[Relay]:
    """Put a relay before a server that sends back what it gets, and ends when its client does."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(100):
                writer.write(data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Relay(server.sockets[0].getsockname()[1], tap=tap) as relay:
        yield relay


async def told(port: int) -> tuple[bytes, str]:
    """Say something, end, and return what came back and how it ended: "end" or "reset"."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = b""
    try:
        writer.write(SAID)
        writer.write_eof()
        while data := await reader.read(100):
            got += data
    except ConnectionError:
        return got, "reset"
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return got, "end"


@pytest.mark.parametrize(
    ("strike", "expected"),
    [
        (Strike(kind=Kind.RESET, after=None), (b"", "reset")),
        (Strike(kind=Kind.RESET, way=Way.UP, after=3), (b"", "reset")),
        (Strike(kind=Kind.CLOSE, way=Way.DOWN, after=3), (SAID[:3], "end")),
        (Strike(kind=Kind.HALF_CLOSE, way=Way.UP, after=3), (SAID[:3], "end")),
        (Strike(kind=Kind.HALF_CLOSE, way=Way.DOWN, after=3), (SAID[:3], "end")),
        (Strike(kind=Kind.STALL, way=Way.UP, after=3, seconds=0.01), (SAID, "end")),
        (Strike(kind=Kind.DRIP, way=Way.UP, after=3, seconds=0.01), (SAID, "end")),
        (Strike(kind=Kind.SLIP_IN, way=Way.DOWN, after=3, noise=b"!"), (b"012!3456789", "end")),
        (Strike(kind=Kind.SLIP_IN, way=Way.UP, after=3, noise=b"!", into=Way.UP), (b"012!3456789", "end")),
        (Strike(kind=Kind.RESET, way=Way.UP, after=10), (SAID, "end")),
    ],
    ids=str,
)
async def test_a_strike_falls_on_its_byte_and_once(strike: Strike, expected: tuple[bytes, str]) -> None:
    async with echoing() as relay:
        relay.arm(strike)
        assert await told(relay.port) == expected
        assert relay.struck == (strike.after != len(SAID))
        relay.disarm()
        assert await told(relay.port) == (SAID, "end")


async def test_a_relay_that_refuses_leaves_open_what_is_open_and_takes_connections_again() -> None:
    async with echoing() as relay:
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(SAID)
        await reader.readexactly(len(SAID))
        relay.refuse()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(SAID)
        assert await reader.readexactly(len(SAID)) == SAID
        assert relay.drop(reset=True) == 1
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        writer.close()
        await relay.listen()
        assert await told(relay.port) == (SAID, "end")


async def test_a_tap_hears_what_was_sent_and_not_what_was_done_to_it() -> None:
    heard: list[tuple[Way, bytes]] = []
    async with echoing(lambda _, way, data: heard.append((way, data))) as relay:
        relay.arm(Strike(kind=Kind.CLOSE, way=Way.UP, after=1))
        await told(relay.port)
    assert heard[0] == (Way.UP, SAID)
