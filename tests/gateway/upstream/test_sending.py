from __future__ import annotations

import asyncio
import socket

import pytest
from asking import Parts, asking, body_of, read
from origin import OK, Visit, replying, silent
from stage import eventually

from sidecar import errors
from sidecar.gateway.upstream.connection import Connection


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was put on the wire with one write each."""
    seen: list[bytes] = []
    ask = Connection.ask

    def asking_too(self: Connection, data: bytes, **how: bool) -> object:
        seen.append(data)
        return ask(self, data, **how)

    monkeypatch.setattr(Connection, "ask", asking_too)
    return seen


async def test_head_and_short_body_are_one_write(writes: list[bytes]) -> None:
    async with asking(replying(OK)) as stage:
        await stage.ask("POST", "/a", body_of(b"x" * 30_000, b"y" * 30_000))
        assert [data[-60_000:] for data in writes] == [b"x" * 30_000 + b"y" * 30_000]
        assert stage.origin.bodies[0] == b"x" * 30_000 + b"y" * 30_000


async def test_a_post_without_a_body_says_so_and_a_get_need_not() -> None:
    async with asking(replying(OK)) as stage:
        await stage.ask("POST")
        await stage.ask("GET")
        posted, got = stage.origin.requests
        assert (posted.get(b"Content-Length"), got.get(b"Content-Length")) == ([b"0"], [])


async def test_a_body_goes_on_while_its_early_reply_is_read() -> None:
    """A server may answer as it reads: the two directions are each other's condition."""

    async def echo(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 140000\r\n\r\n")
        for _ in range(14):
            await visit.send(await visit.reader.readexactly(10_000))
        await visit.reader.read()

    async with asking(echo) as stage:
        body = body_of(length=140_000, source=Parts([b"x" * 70_000, b"y" * 70_000], pause=0.05))
        async with await stage.send("POST", body=body) as reply:
            assert await read(reply) == b"x" * 70_000 + b"y" * 70_000
        await eventually(lambda: stage.origin.open == 0)


async def test_a_body_that_fails_behind_its_early_reply_spoils_the_connection_and_not_the_reply() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(OK[:-1])
        await visit.reader.readexactly(70_000)
        await asyncio.sleep(0.1)
        await visit.send(OK[-1:])
        await visit.reader.read()

    async with asking(script) as stage:
        body = body_of(length=200_000, source=Parts([bytes(70_000)], pause=0.05))
        async with await stage.send("POST", body=body) as reply:
            assert await read(reply) == b"ok"
            assert body.failure is not None
        await eventually(lambda: stage.origin.open == 0)


async def test_a_long_body_is_given_up_with_the_connection_that_took_it() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        visit.reset()

    async with asking(script) as stage:
        source = Parts([bytes(70_000)] * 1000, pause=0.001)
        with pytest.raises(errors.ConnectionTerminated):
            await stage.ask("POST", body=body_of(length=70_000_000, source=source, remembered=1))
        await asyncio.sleep(0.02)
        left = len(source.parts)
        await asyncio.sleep(0.05)
        assert len(source.parts) == left > 0, "nobody reads it any more"


async def test_a_long_body_that_is_sent_and_not_answered_in_time_is_a_response_timeout() -> None:
    async with asking(silent, response=0.1) as stage, asyncio.timeout(2):
        with pytest.raises(errors.ResponseTimeout):
            await stage.ask("POST", body=body_of(bytes(70_000), bytes(70_000)))
        assert [asked.whole for asked in stage.origin.requests] == [True]


async def test_a_reply_before_all_of_a_short_body_has_left_us_costs_its_connection() -> None:
    async def script(visit: Visit) -> None:
        visit.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        asked = await visit.head()
        visit.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport of sockets has it
        await visit.send(OK)
        await asyncio.sleep(0.05)
        visit.writer.transport.resume_reading()  # type: ignore[attr-defined]  # as above
        await visit.body(asked)
        await visit.reader.read()

    async with asking(script) as stage:
        await stage.upstream.warm()
        (connection,) = stage.upstream._pool._open  # noqa: SLF001  # what it may hold back is to be set nowhere else
        plain = connection._plain.get_extra_info("socket")  # type: ignore[union-attr]  # noqa: SLF001  # as above
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        assert await stage.ask("POST", body=body_of(bytes(65_536))) == b"ok"
        await eventually(lambda: stage.origin.open == 0)


async def test_a_bug_in_the_reading_of_a_body_is_told_as_one_and_leaves_nobody_waiting() -> None:
    class Broken(Parts):
        async def readany(self) -> bytes:
            if self.reads:
                raise KeyError("a bug")
            return await super().readany()

    async with asking(silent) as stage, asyncio.timeout(1):
        with pytest.raises(KeyError):
            await stage.ask("POST", body=body_of(length=200_000, source=Broken([bytes(70_000)])))
