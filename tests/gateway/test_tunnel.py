"""Bytes of another protocol between a caller and FinHub: all of them, both ways at once, and how it ends."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
from typing import TYPE_CHECKING

import pytest
from origin import OK, REFUSED, RESET, Visit, replying
from rawcaller import Caller, request
from stage import Plan, Stage, eventually, staged
from wsframes import YES, shake

from sidecar import events
from sidecar.gateway import tunnel
from sidecar.gateway.caller_limits import CallerLimits
from sidecar.gateway.own_calls import OwnCalls
from sidecar.gateway.pace import Pace
from sidecar.gateway.tunnel import LAST_WORDS
from sidecar.session import dialect_file
from sidecar.session.scrub import Scrub

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from conftest import Ends

    from sidecar.events import Forwarded

DIALECT = dialect_file.load("production")
WEBSOCKET = frozenset({b"websocket"})
SIZE = 24 << 20
PIECE = os.urandom(1 << 16)
WHOLE = hashlib.sha256(PIECE * (SIZE // len(PIECE))).hexdigest()
"""More than the kernel's buffers on the way."""


def switching(talk: Callable[[Visit], Awaitable[None]]) -> Callable[[Visit], Awaitable[None]]:
    """Say yes to a handshake, and then do `talk`."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(YES)
        await talk(visit)

    return script


async def say_back(visit: Visit) -> None:
    while data := await visit.reader.read(65536):
        await visit.send(data)


async def listen(visit: Visit) -> None:
    while await visit.reader.read(65536):
        pass


async def shaken(caller: Caller) -> bytes:
    await caller.send(shake())
    return await caller.head()


async def over(stage: Stage) -> Forwarded:
    """Return the one line of a tunnel that has ended, and everything with it."""
    (line,) = await stage.over()
    await eventually(lambda: stage.origin.open == 0 and not stage.server.connections)
    assert (stage.bugs(), stage.upstream.busy, stage.gateway.traffic.in_flight) == ([], 0, 0)
    return line


def planned(**more: object) -> Plan:
    return Plan(upgrades=WEBSOCKET, **more)  # type: ignore[arg-type]  # whatever the test sets


# ── the handshake ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_handshake_has_our_fields_and_the_callers_own_and_asks_anew() -> None:
    async with staged(switching(listen), planned()) as stage, stage.caller() as caller:
        await caller.send(shake(b"Sec-WebSocket-Protocol: chat", b"Authorization: Bearer callers", b"Keep-Alive: 5"))
        head = await caller.head()
        (asked,) = stage.origin.requests
        assert asked.fields == [
            (b"Host", b"localhost:%d" % stage.origin.port),
            (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
            (b"Sec-WebSocket-Version", b"13"),
            (b"Sec-WebSocket-Protocol", b"chat"),
            (b"X-Tenant-ID", b"1234567"),
            (b"X-Request-ID", b"00000000-0000-4000-8000-000000000001"),
            (b"Authorization", b"Bearer fresh-token-1"),
            (b"Connection", b"Upgrade"),
            (b"Upgrade", b"websocket"),
        ]
        assert head == (
            b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )


async def test_a_refused_token_is_renewed_and_the_handshake_sent_once_more() -> None:
    async def script(visit: Visit) -> None:
        asked = await visit.request()
        if asked.get(b"Authorization") == [b"Bearer fresh-token-1"]:
            await visit.send(REFUSED)
            await visit.request()
        await visit.send(YES)
        await say_back(visit)

    async with staged(script, planned()) as stage, stage.caller() as caller:
        assert b" 101 " in await shaken(caller)
        await caller.send(b"hello")
        assert await caller.reader.readexactly(5) == b"hello"
        caller.writer.write_eof()
        line = await over(stage)
        assert (line.status, line.upstream_status, line.attempts, line.replay) == (101, 101, 2, "token refused")
        assert [asked.get(b"Upgrade") for asked in stage.origin.requests] == [[b"websocket"]] * 2
        assert (stage.tokens.asked, len(stage.tokens.rejected)) == (2, 1)


async def test_a_dead_connection_costs_one_more_sending_and_the_new_one_may_switch() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        if visit.number == 1:
            await visit.send(OK)
            await visit.head()
            visit.reset()
            return
        await visit.send(YES)
        await say_back(visit)

    async with staged(script, planned()) as stage, stage.caller() as caller:
        await caller.send(request(b"GET", b"/a"))
        await caller.reply()
        assert b" 101 " in await shaken(caller)
        assert stage.origin.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        YES.replace(b"Upgrade: websocket", b"Upgrade: h2c"),
        YES.replace(b"Upgrade: websocket", b"Upgrade: websocket, h2c"),
        YES.replace(b"Connection: Upgrade", b"Connection: close"),
        YES.replace(b"Upgrade: websocket\r\n", b""),
        YES.replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
async def test_a_yes_to_something_else_is_no_reply(answer: bytes) -> None:
    async with staged(replying(answer), planned()) as stage:
        heard = await stage.ask(shake())
        assert (heard.status, heard.cause) == (502, "http_protocol_error")
        await eventually(lambda: stage.origin.open == 0)


async def test_a_yes_that_nobody_asked_for_is_none_also_behind_a_handshake_on_that_connection() -> None:
    async with staged(replying(OK, YES), planned()) as stage, stage.caller() as caller:
        await caller.send(shake())
        assert (await caller.reply()).raw == OK
        await caller.send(request(b"GET", b"/a"))
        assert (await caller.reply()).cause == "http_protocol_error"
        await eventually(lambda: stage.origin.open == 0)
        assert stage.origin.connections == 1


@pytest.mark.parametrize(
    "field", [b"Origin: https://evil.example", b"Sec-Fetch-Site: cross-site", b"Origin: http://localhost:1"]
)
async def test_a_page_in_a_browser_opens_none(field: bytes) -> None:
    async with staged(switching(say_back), planned()) as stage:
        assert (await stage.ask(shake(field))).status == 403
        assert stage.origin.connections == 0


async def test_a_handshake_for_the_sessions_own_paths_is_refused() -> None:
    async with staged(switching(say_back), planned(own_paths=((None, "/ws"),))) as stage:
        assert (await stage.ask(shake())).status == 403
        assert stage.origin.connections == 0


class AnyLogin:
    """A stub that takes every call for a login."""

    def logs_in(self, method: str, path: str) -> bool:
        return bool(method and path)

    def methods(self, path: str) -> tuple[str, ...]:
        return (path,)

    def answer(self, method: str, path: str, now_utc: float) -> None:
        """Answer none: each is passed on."""


async def test_a_login_that_is_passed_on_opens_none_since_nothing_could_be_taken_out_of_it() -> None:
    own = OwnCalls(AnyLogin(), Scrub(DIALECT.reply), lambda: 0.0)
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    async with staged(replying(answer), planned(own_paths=((None, "/ws"),), own_calls=own)) as stage:
        assert (await stage.ask(shake())).status == 200
        assert [asked.get(b"Upgrade") for asked in stage.origin.requests] == [[]]


# ── the bytes ───────────────────────────────────────────────────────────────────────────────────────────────────


async def flood(caller: Caller) -> str:
    """Send SIZE bytes and take as many at once; return the digest of what came."""
    got = hashlib.sha256()

    async def send() -> None:
        for _ in range(SIZE // len(PIECE)):
            await caller.send(PIECE)

    sending = asyncio.create_task(send())
    left = SIZE
    while left:
        data = await caller.reader.read(min(left, 1 << 20))
        assert data
        got.update(data)
        left -= len(data)
    await sending
    return got.hexdigest()


async def test_bytes_go_both_ways_at_once_and_all_of_them_arrive() -> None:
    async with staged(switching(say_back), planned()) as stage, stage.caller() as caller:
        await shaken(caller)
        assert await flood(caller) == WHOLE
        caller.writer.close()
        line = await over(stage)
        assert (line.status, line.received, line.sent, line.outcome) == (101, SIZE, SIZE, "complete")


async def test_so_it_is_over_tls(ends: Ends) -> None:
    plan = planned(tls=ends.clients[0])
    async with staged(switching(say_back), plan, ends.server) as stage, stage.caller() as caller:
        await shaken(caller)
        assert await flood(caller) == WHOLE
        caller.writer.close()
        line = await over(stage)
        assert (line.received, line.sent, line.outcome) == (SIZE, SIZE, "complete")


async def test_what_finhub_says_right_behind_its_yes_is_not_lost() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(YES + b"first")
        await listen(visit)

    async with staged(script, planned()) as stage, stage.caller() as caller:
        await shaken(caller)
        assert await caller.reader.readexactly(5) == b"first"


async def test_a_caller_that_pauses_gets_all_of_it() -> None:
    async def pour(visit: Visit) -> None:
        for _ in range(SIZE // len(PIECE)):
            await visit.send(PIECE)

    async with staged(switching(pour), planned()) as stage, stage.caller() as caller:
        await shaken(caller)
        (connection,) = stage.server.connections
        await eventually(lambda: connection.writing_paused)
        assert hashlib.sha256((await caller.rest()).raw).hexdigest() == WHOLE
        caller.writer.close()
        assert (await over(stage)).outcome == "complete"


async def test_a_yes_with_a_length_says_nothing_about_what_follows_and_the_length_is_not_passed_on() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(YES.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n") + b"hello")

    async with staged(script, planned()) as stage, stage.caller() as caller:
        assert b"Content-Length" not in await shaken(caller)
        assert (await caller.rest()).raw == b"hello"
        caller.writer.close()
        assert (await over(stage)).outcome == "complete"


async def test_whoever_does_not_read_holds_the_other_side_back() -> None:
    handed = [0, 0]

    async def pour(visit: Visit) -> None:
        while True:
            await visit.send(PIECE)
            handed[0] += len(PIECE)

    async def pour_too(caller: Caller) -> None:
        while True:
            await caller.send(PIECE)
            handed[1] += len(PIECE)

    async with staged(switching(pour), planned()) as stage, stage.caller() as caller:
        await shaken(caller)
        pouring = asyncio.create_task(pour_too(caller))
        before = [-1, -1]
        while before != handed:
            before = list(handed)
            await asyncio.sleep(0.2)
        assert all(0 < count < 64 << 20 for count in handed)
        pouring.cancel()
        caller.leave()
        assert (await over(stage)).outcome == "caller_left"


# ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_callers_end_is_passed_on_and_finhub_has_the_last_word() -> None:
    async def talk(visit: Visit) -> None:
        assert await visit.reader.read() == b"bye"
        await visit.send(b"good", b"bye")

    async with staged(switching(talk), planned()) as stage, stage.caller() as caller:
        await shaken(caller)
        await caller.send(b"bye")
        caller.writer.write_eof()
        heard = await caller.rest()
        assert (heard.raw, heard.reset) == (b"goodbye", False)
        line = await over(stage)
        assert (line.received, line.sent, line.outcome) == (3, 7, "complete")


async def test_what_a_caller_said_before_it_was_gone_arrives() -> None:
    heard = bytearray()

    async def talk(visit: Visit) -> None:
        await asyncio.sleep(0.3)  # it is found out meanwhile that nobody is there
        while data := await visit.reader.read(65536):
            heard.extend(data)

    async with staged(switching(talk), planned()) as stage:
        async with stage.caller() as caller:
            await shaken(caller)
            await caller.send(PIECE * 4)
        line = await over(stage)
        assert (bytes(heard), line.outcome) == (PIECE * 4, "complete")


@pytest.mark.parametrize("word", [b"goodbye", b""])
async def test_over_tls_the_callers_end_ends_the_connection_once_finhub_is_silent(ends: Ends, word: bytes) -> None:
    async def talk(visit: Visit) -> None:
        assert await visit.reader.readexactly(3) == b"bye"
        await visit.send(word)
        assert await visit.reader.read() == b""

    plan = planned(tls=ends.clients[0], idle=60.0)
    async with staged(switching(talk), plan, ends.server) as stage, stage.caller() as caller:
        await shaken(caller)
        await caller.send(b"bye")
        caller.writer.write_eof()
        began = asyncio.get_running_loop().time()
        heard = await caller.rest()
        assert (heard.raw, heard.reset) == (word, False)
        assert asyncio.get_running_loop().time() - began < LAST_WORDS + 2
        assert (await over(stage)).outcome == "complete"


def serve_one(plug: socket.socket, context: ssl.SSLContext) -> bytes:
    """Say yes to one handshake over TLS; return what came behind it, and raise SSLEOFError where it was cut off."""
    with plug, plug.accept()[0] as plain:
        plain.settimeout(10)
        with context.wrap_socket(plain, server_side=True, suppress_ragged_eofs=False) as secure:
            while not secure.recv(65536).endswith(b"\r\n\r\n"):
                pass
            secure.sendall(YES)
            return b"".join(iter(lambda: secure.recv(65536), b""))


async def test_over_tls_finhub_is_told_that_nothing_was_cut_off(ends: Ends) -> None:
    plug = socket.create_server(("127.0.0.1", 0))
    plan = planned(tls=ends.clients[0], url=f"https://localhost:{plug.getsockname()[1]}")
    serving = asyncio.create_task(asyncio.to_thread(serve_one, plug, ends.server))
    async with staged(listen, plan) as stage, stage.caller() as caller:
        await shaken(caller)
        await caller.send(PIECE)
        caller.writer.close()
        assert await serving == PIECE
        assert (await over(stage)).outcome == "complete"


async def test_finhubs_end_is_passed_on_behind_its_last_byte_though_the_caller_still_sends() -> None:
    async def talk(visit: Visit) -> None:
        await visit.reader.read(1)
        await visit.send(PIECE)

    async with staged(switching(talk), planned()) as stage, stage.caller() as caller:
        await shaken(caller)
        await caller.send(b"more and more")
        assert await caller.reader.readexactly(len(PIECE)) == PIECE
        for _ in range(5):
            await caller.send(b"and more")
            await asyncio.sleep(0.01)
        began = asyncio.get_running_loop().time()
        heard = await caller.rest()
        assert (heard.raw, heard.reset) == (b"", False)
        assert asyncio.get_running_loop().time() - began < LAST_WORDS / 2
        caller.writer.close()
        line = await over(stage)
        assert (line.sent, line.outcome, line.reason) == (len(PIECE), "complete", "")


async def test_a_caller_that_does_not_end_behind_finhub_is_not_waited_for_long() -> None:
    async with staged(switching(lambda visit: visit.send(b"bye")), planned()) as stage, stage.caller() as caller:
        await shaken(caller)
        assert (await caller.rest()).raw == b"bye"
        began = asyncio.get_running_loop().time()
        assert (await over(stage)).outcome == "complete"
        assert asyncio.get_running_loop().time() - began < LAST_WORDS + 1


async def test_a_reset_of_the_callers_ends_finhubs_connection() -> None:
    async with staged(switching(say_back), planned()) as stage, stage.caller() as caller:
        await shaken(caller)
        plain: socket.socket = caller.writer.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        caller.leave()
        line = await over(stage)
        assert (line.status, line.outcome, line.reason) == (101, "caller_left", "")


async def test_a_reset_of_finhubs_ends_the_callers_connection() -> None:
    async def talk(visit: Visit) -> None:
        await visit.send(b"half a wo")
        await visit.reader.read(1)
        visit.reset()

    async with staged(switching(talk), planned()) as stage, stage.caller() as caller:
        await shaken(caller)
        assert await caller.reader.readexactly(9) == b"half a wo"
        await caller.send(b"x")
        assert (await caller.rest()).raw == b""
        caller.writer.close()
        line = await over(stage)
        assert (line.outcome, line.reason) == ("aborted", "connection_terminated")


async def test_when_neither_says_anything_for_long_it_ends() -> None:
    async with staged(switching(listen), planned(idle=0.3)) as stage, stage.caller() as caller:
        await shaken(caller)
        assert (await caller.rest()).raw == b""
        caller.writer.close()
        line = await over(stage)
        assert (line.outcome, line.reason) == ("aborted", "connection_read_timeout")


@pytest.mark.parametrize("who", ["caller", "finhub"])
async def test_one_side_alone_keeps_it(who: str) -> None:
    async def talk(visit: Visit) -> None:
        if who == "caller":
            await listen(visit)
            return
        for _ in range(8):
            await asyncio.sleep(0.1)
            await visit.send(b"x")

    async with staged(switching(talk), planned(idle=0.4)) as stage, stage.caller() as caller:
        await shaken(caller)
        if who == "caller":
            for _ in range(8):
                await asyncio.sleep(0.1)
                await caller.send(b"x")
            caller.writer.write_eof()
        await caller.rest()
        caller.writer.close()
        line = await over(stage)
        assert (line.outcome, line.received + line.sent) == ("complete", 8)


async def test_a_caller_that_takes_nothing_is_cut() -> None:
    async def pour(visit: Visit) -> None:
        while True:
            await visit.send(PIECE)

    plan = planned(write_timeout=0.5, callers=CallerLimits(write=Pace(60.0, 1)))
    async with staged(switching(pour), plan) as stage, stage.caller() as caller:
        await shaken(caller)
        line = await over(stage)
        assert (line.status, line.outcome) == (101, "caller_stalled")


async def test_it_holds_one_connection_for_as_long_as_it_lasts() -> None:
    async with staged(switching(say_back), planned(connections=1, wait=0.1)) as stage:
        async with stage.caller() as caller:
            await shaken(caller)
            assert (await stage.ask(request(b"GET", b"/a"))).cause == "connection_limit_reached"
            await eventually(lambda: stage.gateway.traffic.in_flight == 1)
            assert stage.upstream.busy == 1
        await eventually(lambda: stage.upstream.busy == 0)


async def test_the_end_of_the_process_cuts_it() -> None:
    async with staged(switching(say_back), planned()) as stage, stage.caller() as caller:
        await shaken(caller)
        await caller.send(b"hello")
        await caller.reader.readexactly(5)
        await stage.stop()
        line = await over(stage)
        assert (line.status, line.received, line.sent, line.outcome) == (101, 5, 5, "aborted")


async def test_a_bug_ends_it_without_a_word_of_http_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(tunnel, "_to_caller", broken)
    async with staged(switching(say_back), planned()) as stage, stage.caller() as caller:
        await shaken(caller)
        assert (await caller.rest()).raw == b""
        await stage.over()
        assert [type(event) for event in stage.bugs()] == [events.Bug]
        await eventually(lambda: stage.origin.open == 0)
