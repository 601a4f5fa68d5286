"""What a handler sees of a request, and what its caller gets, over real connections."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

import pytest
from listening import on_port, on_socket
from rawcaller import Caller, calling, request
from stage import eventually

from sidecar.answer import Answer
from sidecar.gateway.caller_server import CallerServer
from sidecar.gateway.departure import Departure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from sidecar.gateway.caller_request import CallerRequest

    Handler = Callable[[CallerRequest], Awaitable[None]]

MEASURED = ((b"Content-Length", b"4"),)


@contextlib.asynccontextmanager
async def handled(handler: Handler) -> AsyncIterator[Caller]:
    async with on_port(CallerServer(handler)) as port, calling(port) as caller:
        yield caller


def sending(status: int, *fields: tuple[bytes, bytes], body: bytes = b"") -> Handler:
    """Return a handler that sends this reply in one piece."""

    async def handler(asked: CallerRequest) -> None:
        asked.reply(status, b"Fine", fields, body)

    return handler


# ── what was asked ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_target_and_fields_are_as_they_came() -> None:
    seen: list[CallerRequest] = []

    async def handler(asked: CallerRequest) -> None:
        seen.append(asked)
        asked.answer(Answer(status=200))

    async with handled(handler) as caller:
        await caller.send(b"GET /a?b=%2f&c HTTP/1.0\r\nhOST: localhost\r\nX-A: caf\xe9\r\nX-A: 2\r\n\r\n")
        await caller.rest()
    (asked,) = seen
    assert (asked.method, asked.target, asked.version, asked.last) == ("GET", "/a?b=%2f&c", (1, 0), True)
    assert asked.fields == ((b"hOST", b"localhost"), (b"X-A", b"caf\xe9"), (b"X-A", b"2"))
    assert (asked.remote, asked.uid) == ("127.0.0.1", None)


async def test_on_a_unix_socket_the_user_is_known_and_there_is_no_address(tmp_path: Path) -> None:
    seen: list[tuple[str | None, int | None]] = []

    async def handler(asked: CallerRequest) -> None:
        seen.append((asked.remote, asked.uid))
        asked.answer(Answer(status=200))

    async with on_socket(CallerServer(handler), tmp_path / "s"):
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
        writer.write(request(b"GET", b"/", b"Connection: close"))
        await reader.read()
        writer.close()
    assert seen == [("", os.getuid())]


@pytest.mark.parametrize(
    ("fields", "length"),
    [((), 0), ((b"Content-Length: 5",), 5), ((b"content-LENGTH:  0 ",), 0), ((b"Transfer-Encoding: chunked",), None)],
)
async def test_the_length_is_the_announced_one(fields: tuple[bytes, ...], length: int | None) -> None:
    seen: list[int | None] = []

    async def handler(asked: CallerRequest) -> None:
        seen.append(asked.length)
        asked.last = True
        asked.answer(Answer(status=200))

    async with handled(handler) as caller:
        await caller.send(request(b"POST", b"/", *fields))
        await caller.head()
    assert seen == [length]


@pytest.mark.parametrize(
    ("version", "field", "invited"),
    [
        (b"1.1", b"Expect: 100-continue", True),
        (b"1.1", b"Expect: 100-Continue", True),
        (b"1.1", b"Expect: something", False),
        (b"1.1", b"X-A: b", False),
        (b"1.0", b"Expect: 100-continue", False),
    ],
)
async def test_a_body_is_invited_where_the_caller_waits_for_it(version: bytes, field: bytes, *, invited: bool) -> None:
    async def handler(asked: CallerRequest) -> None:
        asked.invite_body()
        asked.last = True
        asked.answer(Answer(status=200))

    async with handled(handler) as caller:
        await caller.send(request(b"GET", b"/", field, version=version))
        heard = await caller.rest()
    final = b"HTTP/%b 200" % version
    assert heard.raw.startswith(b"HTTP/1.1 100 Continue\r\n\r\n" + final if invited else final)


async def test_a_departure_hears_of_a_caller_that_leaves_and_one_that_is_told_too_late_knows_at_once() -> None:
    early, late = Departure(), Departure()
    gone = asyncio.Event()

    async def handler(asked: CallerRequest) -> None:
        asked.tell(early)
        await eventually(lambda: early.left)
        asked.tell(None)
        asked.tell(late)
        gone.set()

    async with handled(handler) as caller:
        await caller.send(request(b"GET", b"/"))
        await asyncio.sleep(0.01)
        caller.leave()
        await gone.wait()
    assert (early.left, late.left) == (True, True)


# ── the reply ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "version", "fields", "body", "raw"),
    [
        (b"GET", b"1.1", MEASURED, b"four", b"HTTP/1.1 200 Fine\r\nContent-Length: 4\r\n\r\nfour"),
        (b"GET", b"1.1", (), b"four", b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n"),
        (b"GET", b"1.1", (), b"", b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (b"GET", b"1.0", (), b"four", b"HTTP/1.0 200 Fine\r\n\r\nfour"),
        (b"HEAD", b"1.1", MEASURED, b"", b"HTTP/1.1 200 Fine\r\nContent-Length: 4\r\n\r\n"),
    ],
)
async def test_a_whole_reply_is_framed_for_its_caller(
    method: bytes, version: bytes, fields: tuple[tuple[bytes, bytes], ...], body: bytes, raw: bytes
) -> None:
    async with handled(sending(200, *fields, body=body)) as caller:
        await caller.send(request(method, b"/", version=version))
        assert await caller.reader.readexactly(len(raw)) == raw


async def test_a_large_whole_reply_arrives_whole() -> None:
    body = bytes(range(256)) * 4096
    async with handled(sending(200, (b"Content-Length", b"%d" % len(body)), body=body)) as caller:
        await caller.send(request(b"GET", b"/"))
        assert (await caller.reply()).body == body


@pytest.mark.parametrize(("fields", "chunked"), [((), True), (((b"Content-Length", b"9"),), False)])
async def test_a_reply_in_parts_is_framed_part_by_part(
    fields: tuple[tuple[bytes, bytes], ...], *, chunked: bool
) -> None:
    async def handler(asked: CallerRequest) -> None:
        asked.begin(200, b"Fine", fields)
        asked.write(b"five.")
        asked.write(b"four")
        asked.end()

    async with handled(handler) as caller:
        await caller.send(request(b"GET", b"/"))
        await caller.head()
        body = b"5\r\nfive.\r\n4\r\nfour\r\n0\r\n\r\n" if chunked else b"five.four"
        assert await caller.reader.readexactly(len(body)) == body


async def test_an_answer_tells_how_much_of_it_is_body() -> None:
    told: list[int] = []

    async def handler(asked: CallerRequest) -> None:
        told.append(asked.answer(Answer(status=418, fields=(("X-A", "b"),), body=b"four")))

    async with handled(handler) as caller:
        for method in (b"GET", b"HEAD"):
            await caller.send(request(method, b"/"))
            heard = await caller.reply(bodiless=method == b"HEAD")
            assert (heard.status, heard.get(b"X-A"), heard.get(b"Content-Length")) == (418, [b"b"], [b"4"])
            assert heard.body == (b"four" if method == b"GET" else b"")
    assert told == [4, 0]


async def test_a_caller_that_takes_nothing_holds_the_reply_up_until_it_does() -> None:
    held, taken = asyncio.Event(), asyncio.Event()
    size = 20_000_000

    async def handler(asked: CallerRequest) -> None:
        asked.reply(200, b"Fine", ((b"Content-Length", b"%d" % size),), bytes(size))
        assert asked.is_held_up
        assert asked.unsent() > 1 << 20
        held.set()
        await asked.taken()
        assert not asked.is_held_up
        taken.set()

    async with handled(handler) as caller:
        await caller.send(request(b"GET", b"/"))
        await held.wait()
        await asyncio.sleep(0.02)
        assert not taken.is_set()
        assert len((await caller.reply()).body) == size
        await taken.wait()


async def test_who_gave_up_waiting_for_a_caller_may_wait_again() -> None:
    size, again = 20_000_000, asyncio.Event()

    async def handler(asked: CallerRequest) -> None:
        asked.reply(200, b"Fine", ((b"Content-Length", b"%d" % size),), bytes(size))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asked.taken()
        again.set()
        await asked.taken()

    async with handled(handler) as caller:
        await caller.send(request(b"GET", b"/"))
        await again.wait()
        assert len((await caller.reply()).body) == size
        await caller.send(request(b"GET", b"/"))
        assert (await caller.head()).startswith(b"HTTP/1.1 200")


async def test_every_write_to_a_caller_that_is_gone_says_so() -> None:
    tried: list[str] = []

    async def handler(asked: CallerRequest) -> None:
        departure = Departure()
        asked.tell(departure)
        await eventually(lambda: departure.left)
        for write in (
            lambda: asked.begin(200, b"", ()),
            lambda: asked.write(b"x"),
            lambda: asked.reply(200, b"", (), b""),
        ):
            with pytest.raises(ConnectionResetError):
                write()
            tried.append("one")
        asked.invite_body()
        asked.abort()
        assert asked.unsent() == 0

    async with handled(handler) as caller:
        await caller.send(request(b"GET", b"/", b"Expect: 100-continue"))
        await asyncio.sleep(0.01)
        caller.leave()
        await eventually(lambda: len(tried) == 3)


async def test_an_abort_is_a_reset_in_the_middle_of_the_reply() -> None:
    async def handler(asked: CallerRequest) -> None:
        asked.begin(200, b"Fine", ())
        asked.write(b"half")
        await asyncio.sleep(0.05)
        asked.abort()

    async with handled(handler) as caller:
        await caller.send(request(b"GET", b"/", version=b"1.0"))
        heard = await caller.rest()
    assert (heard.body, heard.reset) == (b"half", True)
