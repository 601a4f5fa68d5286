from __future__ import annotations

import asyncio

import pytest
from asking import Parts, asking, body_of, read
from origin import OK, Visit, replying
from stage import eventually

from sidecar import errors
from sidecar.gateway.upstream.answer import HELD

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_a_reply_that_came_at_once_is_whole_and_may_still_be_read_in_chunks() -> None:
    async with asking(replying(CHUNKED + b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n")) as stage, await stage.send() as reply:
        assert (reply.whole, reply.whole) == (b"ok", b"ok")
        assert await reply.peek(1) == b"o"
        assert reply.whole == b"ok"
        assert await read(reply) == b"ok"
        assert reply.whole is None, "some of it was yielded"


@pytest.mark.parametrize("reply", [b"HTTP/1.1 204 No\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])
async def test_a_reply_without_a_body_is_whole(reply: bytes) -> None:
    async with asking(replying(reply)) as stage, await stage.send() as got:
        assert got.whole == b""
        assert await read(got) == b""


async def test_another_body_and_other_fields_stand_in_for_what_came() -> None:
    async with asking(replying(CHUNKED + b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n")) as stage, await stage.send() as reply:
        assert await reply.peek(9) == b"ok"
        reply.change(((b"A", b"b"),), b"other")
        assert (reply.fields, reply.whole) == (((b"A", b"b"),), b"other")
        assert await read(reply) == b"other"


async def test_a_reply_is_whole_only_at_its_proper_end() -> None:
    more = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK[:-1])
        await more.wait()
        await visit.send(OK[-1:])
        await visit.request()

    async with asking(script) as stage, await stage.send() as reply:
        assert reply.whole is None
        assert await reply.peek(1) == b"o"
        assert reply.whole is None
        more.set()
        assert await reply.peek(9) == b"ok"
        assert reply.whole == b"ok"


async def test_a_cut_reply_is_never_whole() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK[:-1])

    async with asking(script) as stage, await stage.send() as reply:
        await eventually(lambda: stage.origin.open == 0)
        await asyncio.sleep(0.01)
        assert reply.whole is None
        assert await reply.peek(1) == b"o", "what had come is there"
        with pytest.raises(errors.ConnectionTerminated):
            await read(reply)
        assert reply.whole is None


async def test_a_reply_whose_connection_was_given_up_is_cut_and_nobody_waits_for_the_rest() -> None:
    async def half(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
        await visit.reader.read()

    async with asking(half) as stage:
        reply = await stage.send()
        reply.end()
        with pytest.raises(errors.ConnectionTerminated):
            await read(reply)
        reply.close()


async def test_the_connection_of_a_whole_reply_serves_others_while_its_slot_is_still_taken() -> None:
    async with asking(replying(OK), connections=2) as stage:
        async with await stage.send() as held:
            assert stage.upstream.busy == 1
            assert await stage.ask("GET", "/b") == b"ok"
            assert held.whole == b"ok"
        assert (stage.origin.connections, stage.upstream.busy) == (1, 0)


async def test_closing_a_whole_reply_late_does_not_touch_the_connection_that_serves_another_request_by_then() -> None:
    answering = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        await visit.request()
        await answering.wait()
        await visit.send(OK)

    async with asking(script, connections=2) as stage:
        first = await stage.send()
        second = asyncio.create_task(stage.ask())
        await eventually(lambda: len(stage.origin.requests) == 2)
        first.close()
        first.close()
        answering.set()
        assert await second == b"ok"
        assert stage.origin.connections == 1


async def test_the_clock_between_bytes_stands_still_while_the_caller_takes_its_time() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK[:-2])
        await asyncio.sleep(0.05)  # so that it is waited for
        await visit.send(OK[-2:-1])
        await asyncio.sleep(0.4)
        await visit.send(OK[-1:])

    async with asking(script, idle=0.2) as stage, await stage.send() as reply:
        chunks = reply.chunks()
        assert await anext(chunks) == b"o"
        await asyncio.sleep(0.3)
        assert await anext(chunks) == b"k", "of which FinHub kept us waiting for 0.1 s"


async def test_a_peek_is_content_with_what_may_be_held() -> None:
    size = 3 * HELD
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
    async with asking(replying(raw)) as stage, await stage.send() as reply, asyncio.timeout(2):
        assert HELD <= len(await reply.peek(size)) <= size
        assert len(await read(reply)) == size


async def test_a_reply_that_came_whole_before_its_request_was_sent_is_whole_and_costs_its_connection() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(OK)
        await visit.reader.read()

    async with asking(script) as stage:
        body = body_of(length=200_000, source=Parts([bytes(70_000)], endless=True))
        async with await stage.send("POST", body=body) as reply:
            assert reply.whole == b"ok"
            assert await read(reply) == b"ok"
        await eventually(lambda: stage.origin.open == 0)
        async with asyncio.timeout(1):  # and not only when the caller's own time is over
            await eventually(lambda: "request body" not in {task.get_name() for task in asyncio.all_tasks()})
