"""Large bodies, early replies and callers that wait for `100 Continue`: what is on its way, and what is held."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from pathlib import Path

import pytest
from origin import OK, Visit, replying
from rawcaller import Heard, chunked, request
from stage import Plan, Stage, eventually, staged

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EXPECT = b"Expect: 100-continue"
SIZE = 128 << 20
PIECE = bytes(range(256)) * 1024
BOUND = 64 << 20
"""Far less than SIZE, and more than the kernel's buffers on the way, of which one alone may grow to 32 MiB."""


def digest(content: bytes | bytearray) -> str:
    return hashlib.sha256(content).hexdigest()


WHOLE = digest(PIECE * (SIZE // len(PIECE)))


class Count:
    """Bytes that one side has got rid of."""

    def __init__(self) -> None:
        self.bytes = 0

    async def settled(self) -> int:
        """Return the count once it has stood still for a tenth of a second, after it had begun."""
        before, still = -1, 0
        while still < 5:
            await asyncio.sleep(0.02)
            still = still + 1 if self.bytes == before and self.bytes else 0
            before = self.bytes
        return self.bytes


def narrow(writer: asyncio.StreamWriter) -> None:
    """Keep the kernel from taking the whole body off our hands."""
    plain: socket.socket = writer.get_extra_info("socket")
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)


# ── back-pressure ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_download_is_held_back_by_a_caller_that_does_not_read_and_arrives_whole_when_it_does() -> None:
    handed = Count()

    async def script(visit: Visit) -> None:
        await visit.request()
        narrow(visit.writer)
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        while handed.bytes < SIZE:
            await visit.send(PIECE)
            handed.bytes += len(PIECE)

    async with staged(script, Plan(idle=20)) as stage, stage.caller() as caller:
        narrow(caller.writer)
        await caller.send(request(b"GET", b"/a"))
        assert await handed.settled() < BOUND
        await caller.head()
        got = await caller.reader.readexactly(SIZE)
        assert digest(got) == WHOLE
        (line,) = await stage.over()
        assert (line.sent, line.outcome) == (SIZE, "complete")


async def test_an_upload_is_held_back_by_finhub_that_does_not_read_and_arrives_whole_when_it_does() -> None:
    handed, go, arrived = Count(), asyncio.Event(), hashlib.sha256()

    async def script(visit: Visit) -> None:
        narrow(visit.writer)
        await visit.head()
        await go.wait()
        left = SIZE
        while left:
            part = await visit.reader.read(1 << 20)
            arrived.update(part)
            left -= len(part)
        await visit.send(OK)

    async with staged(script, Plan(response=20)) as stage, stage.caller() as caller:
        narrow(caller.writer)

        async def upload() -> None:
            await caller.send(request(b"POST", b"/a", b"Content-Length: %d" % SIZE))
            while handed.bytes < SIZE:
                await caller.send(PIECE)
                handed.bytes += len(PIECE)

        sending = asyncio.create_task(upload())
        assert await handed.settled() < BOUND
        assert stage.budget.left == 64 << 20, "what cannot be repeated is not remembered"
        go.set()
        await sending
        assert (await caller.reply()).raw == OK
        assert arrived.hexdigest() == WHOLE
        (line,) = await stage.over()
        assert (line.received, line.outcome) == (SIZE, "complete")


async def test_both_ways_at_once_a_body_is_answered_while_it_is_sent() -> None:
    async def echo(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n")
        for _ in range(3):
            await visit.send(await visit.reader.readexactly(100_000))

    async with staged(echo) as stage, stage.caller() as caller:
        await caller.send(request(b"POST", b"/a", b"Content-Length: 300000"))
        for number in range(3):
            await caller.send(bytes([number]) * 100_000)
            if number == 0:
                await caller.head()
            assert await caller.reader.readexactly(100_000) == bytes([number]) * 100_000
        (line,) = await stage.over()
        assert (line.received, line.sent, line.outcome) == (300_000, 300_000, "complete")


# ── an early reply ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_reply_before_the_upload_ends_is_delivered_at_once_and_costs_finhubs_connection_only() -> None:
    early = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"

    async def script(visit: Visit) -> None:
        asked = await visit.head()
        if asked.method == b"POST":
            await visit.send(early)
            await visit.reader.read()
        await visit.send(OK)

    async with staged(script) as stage, stage.caller() as caller:
        await caller.send(request(b"POST", b"/a", b"Content-Length: 200000") + bytes(100_000))
        assert (await caller.reply()).raw == early
        await caller.send(bytes(100_000) + request(b"GET", b"/b"))
        assert (await caller.reply()).raw == OK
        assert [(asked.connection, asked.target) for asked in stage.origin.requests] == [(1, b"/a"), (2, b"/b")]
        line = (await stage.over(2))[0]
        assert (line.status, line.outcome) == (413, "complete")
        assert stage.bugs() == []


# ── Expect: 100-continue ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_caller_that_asks_is_told_to_go_on_when_its_body_is_wanted_and_not_before() -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await caller.send(request(b"POST", b"/a", EXPECT, b"Content-Length: 4"))
        assert await caller.head() == CONTINUE
        assert stage.origin.requests == []
        await caller.send(b"body")
        assert (await caller.reply()).raw == OK
        (asked,) = stage.origin.requests
        assert (asked.body, asked.get(b"Expect")) == (b"body", [])


async def test_a_caller_that_asks_with_chunks_is_told_to_go_on_once() -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await caller.send(request(b"POST", b"/a", EXPECT, b"Transfer-Encoding: chunked"))
        assert await caller.head() == CONTINUE
        await caller.send(chunked(b"x" * 70_000, b"y" * 70_000))
        assert (await caller.reply()).raw == OK
        assert stage.origin.bodies == [b"x" * 70_000 + b"y" * 70_000]


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (request(b"POST", b"/a/../b", EXPECT, b"Content-Length: 4"), 400),
        (request(b"POST", b"/a", EXPECT, b"Content-Length: 4", b"Origin: https://evil.example"), 403),
        (request(b"POST", b"/a", EXPECT, b"Content-Length: 10000"), 413),
    ],
)
async def test_a_caller_that_is_refused_is_not_told_to_go_on(raw: bytes, status: int) -> None:
    async with staged(replying(OK), Plan(max_body=1000)) as stage, stage.caller() as caller:
        await caller.send(raw)
        heard = await caller.reply()
        assert heard.status == status
        assert stage.origin.connections == 0


@pytest.mark.parametrize(
    "raw",
    [
        request(b"GET", b"/a", EXPECT),
        request(b"POST", b"/a", EXPECT, b"Content-Length: 0"),
        request(b"POST", b"/a", body=b"body"),
        request(b"POST", b"/a", EXPECT, body=b"body", version=b"1.0"),
        request(b"POST", b"/a", b"Expect: something", body=b"body"),
    ],
)
async def test_nobody_else_is_told_to_go_on(raw: bytes) -> None:
    async with staged(replying(OK)) as stage:
        heard = await stage.ask(raw)
        assert heard.status == 200
        assert heard.status_lines == 1


async def curl(stage: Stage, *arguments: str) -> tuple[int, bytes]:
    process = await asyncio.create_subprocess_exec(
        "curl",
        "-sS",
        "--max-time",
        "10",
        *arguments,
        f"http://localhost:{stage.port}/a",
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", "NO_PROXY": "localhost"},
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said


@pytest.mark.skipif(not Path("/usr/bin/curl").exists(), reason="needs curl")
async def test_curl_uploads_two_mebibytes_after_its_100_and_gets_the_reply(tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(PIECE * 8)
    async with staged(replying(OK)) as stage:
        status, said = await curl(stage, "-i", "-T", str(upload), "-H", EXPECT.decode())
        assert status == 0
        assert Heard(said.removeprefix(CONTINUE)).raw == OK
        assert said.startswith(CONTINUE)
        assert stage.origin.bodies == [PIECE * 8]


@pytest.mark.skipif(not Path("/usr/bin/curl").exists(), reason="needs curl")
async def test_curl_sends_no_byte_of_a_body_that_the_guard_refuses(tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(PIECE * 8)
    async with staged(replying(OK), Plan(max_body=1000)) as stage:
        status, said = await curl(
            stage, "-i", "-T", str(upload), "-H", EXPECT.decode(), "--expect100-timeout", "9", "-w", "%{size_upload}"
        )
        assert status == 0
        assert said.startswith(b"HTTP/1.1 413 ")
        assert said.endswith(b"}0")
        await eventually(lambda: stage.gateway.traffic.refused == 1)
        assert stage.origin.connections == 0
