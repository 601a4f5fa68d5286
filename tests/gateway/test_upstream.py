from __future__ import annotations

import asyncio
import socket
import ssl
import traceback
from typing import TYPE_CHECKING

import pytest
from asking import BEARER, Parts, asking, body_of, read
from origin import OK, Script, Visit, cutting, dying_when_reused, replying, serving, silent, slamming
from stage import PLAIN, eventually

from sidecar import errors
from sidecar.gateway.upstream import Bounds, Request, Upstream
from sidecar.wire.tls import Tls

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Ends

QUERY = "t0p-secret-query"  # by name, since a traceback shows the lines of this file
NOTHING = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


# ── exact bytes ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "//x",
        "/a?",
        "/a?x=1&x=%2f+%20",
        "/a//b;c=1/%2Fd",
        "/%e2%82%ac",
        "/a?b?c",
        "/a%3Fb",
        "/~a'(b)*",
        '/a?q="<>|',
    ],
)
async def test_trap_i_the_target_arrives_byte_for_byte(target: str) -> None:
    async with asking(replying(OK)) as stage:
        await stage.ask("GET", target)
        assert stage.origin.requests[0].line == f"GET {target} HTTP/1.1".encode()


async def test_the_request_holds_the_fields_it_was_given_in_their_order_and_case_and_no_others() -> None:
    sent = ((b"x-B", b"1"), (b"X-a", b"caf\xc3\xa9"), (b"x-B", b"2"), (b"Accept", b""))
    async with asking(replying(OK)) as stage:
        (await stage.send("GET", "/a", *sent)).close()
        assert stage.origin.requests[0].fields == [
            (b"Host", stage.upstream.authority),
            *sent,
            (b"Authorization", BEARER),
        ]
        assert stage.upstream.authority == b"localhost:%d" % stage.origin.port


def test_the_default_port_is_left_out_of_the_authority() -> None:
    bounds = Bounds(connections=1, wait=1.0, connect=1.0, response=1.0, idle=1.0)
    assert Upstream("https://api.finhub.cloud", bounds, lambda: PLAIN).authority == b"api.finhub.cloud"
    assert Upstream("https://[::1]:8443", bounds, lambda: PLAIN).authority == b"[::1]:8443"


@pytest.mark.parametrize("size", [1, 65535, 65536, 65537, 3 << 20])
async def test_a_body_arrives_whole_under_the_length_that_the_caller_announced(size: int) -> None:
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    async with asking(replying(OK)) as stage:
        await stage.ask(
            "POST", "/a", body_of(*filter(None, (content[: size // 3], content[size // 3 :])), remembered=8 << 20)
        )
        asked = stage.origin.requests[0]
        assert asked.body == content
        assert asked.get(b"Content-Length") == [b"%d" % size]
        assert asked.get(b"Transfer-Encoding") == []


async def test_a_remembered_body_larger_than_a_mebibyte_is_sent_again_without_a_complaint_of_the_library() -> None:
    body = body_of(bytes(3 << 20), remembered=8 << 20)
    async with asking(replying(OK)) as stage:
        await stage.ask("POST", "/a", body)
        await stage.ask("POST", "/a", body)
        assert [len(sent) for sent in stage.origin.bodies] == [3 << 20, 3 << 20]


async def test_a_body_without_a_length_is_chunked_or_where_it_is_short_measured() -> None:
    async with asking(replying(OK)) as stage:
        await stage.ask("POST", "/a", body_of(source=Parts([b"short", b"er"])))
        await stage.ask("POST", "/a", body_of(source=Parts([bytes(70_000), bytes(70_000)])))
        short, long = stage.origin.requests
        assert (short.body, short.get(b"Content-Length")) == (b"shorter", [b"7"])
        assert (long.body, long.get(b"Transfer-Encoding")) == (bytes(140_000), [b"chunked"])
        assert long.get(b"Content-Length") == []


async def test_the_reply_keeps_its_reason_its_field_bytes_and_its_coded_body() -> None:
    head = b"HTTP/1.1 299 Very Good\r\nETag: x\r\netag: y\r\nX-A: caf\xe9\r\nContent-Encoding: gzip\r\n"
    raw = head + b"Content-Length: 3\r\n\r\n\x1f\x8b\xff"
    async with asking(replying(raw)) as stage, await stage.send() as reply:
        assert (reply.status, reply.reason) == (299, b"Very Good")
        assert reply.fields[:3] == ((b"ETag", b"x"), (b"etag", b"y"), (b"X-A", b"caf\xe9"))
        assert reply.is_coded
        assert await read(reply) == b"\x1f\x8b\xff"


async def test_an_interim_reply_is_not_the_reply() -> None:
    async with asking(replying(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK)) as stage:
        assert await stage.ask() == b"ok"


async def test_a_redirect_is_the_callers_to_follow() -> None:
    async with asking(replying(b"HTTP/1.1 307 Go\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")) as stage:
        async with await stage.send("POST", "/a", body=body_of(b"x")) as reply:
            assert reply.status == 307
        assert len(stage.origin.requests) == 1


async def test_a_cookie_of_one_reply_is_not_carried_to_the_next_request() -> None:
    async with asking(replying(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n")) as stage:
        await stage.ask()
        await stage.ask()
        assert stage.origin.requests[1].get(b"Cookie") == []


async def test_a_peek_takes_nothing_away() -> None:
    async with asking(replying(OK)) as stage, await stage.send() as reply:
        assert await reply.peek(1) == b"o"
        assert await reply.peek(100) == b"ok"
        assert await read(reply) == b"ok"


# ── TRAPS B: what is sent twice ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_trap_b_a_safe_request_on_a_dead_pooled_connection_is_sent_once_more_on_a_new_one(method: str) -> None:
    async with asking(dying_when_reused(NOTHING)) as stage:
        await stage.ask()
        assert await stage.ask(method, "/b") == b""
        assert [(asked.connection, asked.target) for asked in stage.origin.requests] == [
            (1, b"/a"),
            (1, b"/b"),
            (2, b"/b"),
        ]
        assert stage.sendings == ["dead connection"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "get"])
async def test_trap_b_an_unsafe_request_on_a_dead_pooled_connection_is_never_sent_again(method: str) -> None:
    async with asking(dying_when_reused()) as stage:
        await stage.ask()
        with pytest.raises(errors.ConnectionTerminated):
            await stage.ask(method, "/pay", body_of(b"100 EUR"))
        assert [asked.target for asked in stage.origin.requests] == [b"/a", b"/pay"]
        assert stage.origin.connections == 1
        assert stage.sendings == []


async def test_trap_b_the_new_connection_is_really_new_where_more_than_one_in_the_pool_is_dead() -> None:
    three = asyncio.Barrier(3)

    async def script(visit: Visit) -> None:
        await visit.request()
        if visit.number <= 3:
            await three.wait()
        await visit.send(OK)
        await visit.request()

    async with asking(script) as stage:
        await asyncio.gather(*(stage.ask() for _ in range(3)))
        assert await stage.ask("GET", "/b") == b"ok"
        assert stage.origin.connections == 4
        assert [asked.connection for asked in stage.origin.requests if asked.target == b"/b"][1:] == [4]


async def test_a_safe_request_with_a_body_is_sent_again_with_the_same_bytes() -> None:
    async with asking(dying_when_reused()) as stage:
        await stage.ask()
        await stage.ask("GET", "/b", body_of(b"x" * 100_000, b"y" * 100_000))
        assert stage.origin.bodies[1:] == [b"x" * 100_000 + b"y" * 100_000] * 2


async def test_a_safe_request_whose_body_is_forgotten_is_not_sent_again() -> None:
    async with asking(dying_when_reused()) as stage:
        await stage.ask()
        with pytest.raises(errors.ConnectionTerminated):
            await stage.ask("GET", "/b", body_of(b"x" * 100, remembered=10))
        assert len(stage.origin.requests) == 2


async def test_a_safe_request_whose_new_connection_ends_without_a_reply_is_not_sent_again() -> None:
    async with asking(cutting()) as stage:
        with pytest.raises(errors.ConnectionTerminated):
            await stage.ask()
        assert len(stage.origin.requests) == 1


async def test_a_safe_request_is_sent_again_only_once() -> None:
    served = []

    async def script(visit: Visit) -> None:
        served.append(await visit.request())
        if len(served) == 1:
            await visit.send(OK)
            await visit.request()

    async with asking(script) as stage:
        await stage.ask()
        with pytest.raises(errors.ConnectionTerminated):
            await stage.ask("GET", "/b")
        assert len(stage.origin.requests) == 3


async def test_a_safe_request_is_not_sent_again_once_its_reply_has_begun() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        await visit.request()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Le")

    async with asking(script) as stage:
        await stage.ask()
        with pytest.raises(errors.ConnectionTerminated):
            await stage.ask("GET", "/b")
        assert len(stage.origin.requests) == 2


async def test_a_safe_request_that_is_not_answered_in_time_is_not_sent_again() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        await silent(visit)

    async with asking(script, response=0.1) as stage:
        await stage.ask()
        with pytest.raises(errors.ResponseTimeout):
            await stage.ask("GET", "/b")
        assert len(stage.origin.requests) == 2


# ── the pool ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_ten_requests_share_one_connection() -> None:
    async with asking(replying(OK)) as stage:
        for number in range(10):
            assert await stage.ask("POST", f"/{number}", body_of(b"x" * 70_000, b"y")) == b"ok"
        assert stage.origin.connections == 1
        assert len(stage.origin.requests) == 10


async def test_a_reply_that_was_not_read_to_its_end_costs_its_connection() -> None:
    async with asking(replying(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")) as stage:
        (await stage.send()).close()
        (await stage.send()).close()
        assert stage.origin.connections == 2


async def test_a_discarded_short_reply_keeps_its_connection_and_a_long_one_does_not() -> None:
    long = b"HTTP/1.1 401 No\r\nContent-Length: 1000000\r\n\r\n" + bytes(1_000_000)
    async with asking(replying(OK, long, OK)) as stage:
        await (await stage.send()).discard()
        await (await stage.send()).discard()
        assert stage.origin.connections == 1
        await stage.ask()
        assert stage.origin.connections == 2


async def test_a_reply_before_the_body_was_sent_costs_its_connection() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(OK)
        await visit.reader.read()

    async with asking(script) as stage:
        for _ in range(2):
            body = body_of(length=200_000, source=Parts([bytes(70_000)], endless=True))
            async with await stage.send("POST", "/a", body=body) as reply:
                assert await read(reply) == b"ok"
            assert not body.complete
        assert stage.origin.connections == 2


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nSTALE", b"HTTP/1.1 408 Late\r\nContent-Length: 0\r\n\r\n"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_came_over_an_idle_connection_is_never_the_reply_to_the_next_request(
    said: bytes, method: str
) -> None:
    spoken = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        if visit.number == 1:
            await asyncio.sleep(0.01)
            await visit.send(said)
            spoken.set()
        await visit.request()
        await visit.send(OK)

    async with asking(script) as stage:
        await stage.ask()
        await spoken.wait()
        await asyncio.sleep(0.01)
        assert await stage.ask(method, "/b", body_of(b"x")) == b"ok"
        assert [(asked.connection, asked.target) for asked in stage.origin.requests] == [(1, b"/a"), (2, b"/b")]
        assert stage.sendings == []


async def test_a_second_reply_to_one_request_is_not_kept_for_the_next() -> None:
    async with asking(replying(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nSTALE", OK)) as stage:
        assert await stage.ask() == b"ok"
        assert await stage.ask() == b"ok"
        assert stage.origin.connections == 2


async def test_a_new_tls_context_means_a_new_connection_and_the_same_one_does_not(ends: Ends) -> None:
    used, later = ends.clients
    async with asking(replying(OK), tls=lambda: used, server=ends.server) as stage:
        await stage.ask()
        await stage.ask()
        assert stage.origin.connections == 1
        used = later
        await stage.ask()
        assert stage.origin.connections == 2


# ── connections are bounded ─────────────────────────────────────────────────────────────────────────────────────


async def test_more_requests_than_connections_wait_and_then_are_refused() -> None:
    async with asking(replying(OK), connections=1, wait=0.1, connect=60.0) as stage, asyncio.timeout(10):
        async with await stage.send() as reply:
            assert stage.upstream.busy == 1
            with pytest.raises(errors.ConnectionLimitReached) as caught:
                await stage.send()
            assert caught.value.retry_after == 1
            assert await read(reply) == b"ok"
        assert await stage.ask() == b"ok"
        assert len(stage.origin.requests) == 2


async def test_a_request_that_waits_for_a_connection_gets_the_next_free_one() -> None:
    async with asking(replying(OK), connections=1) as stage:
        reply = await stage.send()
        waiting = asyncio.create_task(stage.ask())
        await asyncio.sleep(0)
        reply.close()
        assert await waiting == b"ok"


async def test_a_caller_that_sends_slowly_takes_no_connection_before_64_kib_or_its_end() -> None:
    source = Parts([b"x" * 65_535], endless=True)
    async with asking(replying(OK), connections=1) as stage:
        slow = asyncio.create_task(stage.send("POST", "/slow", body=body_of(length=65_536, source=source)))
        await eventually(lambda: source.reads >= 2)
        assert stage.upstream.busy == 0
        assert await stage.ask() == b"ok"
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
        assert len(stage.origin.requests) == 1


async def test_closing_a_reply_twice_gives_its_connection_back_once() -> None:
    async with asking(replying(OK), connections=1) as stage:
        reply = await stage.send()
        reply.close()
        reply.close()
        assert stage.upstream.busy == 0


async def test_a_discard_that_is_cancelled_gives_its_connection_back() -> None:
    async with asking(cutting_never, connections=1) as stage:
        giving_up = asyncio.create_task((await stage.send()).discard())
        await asyncio.sleep(0)
        giving_up.cancel()
        await asyncio.gather(giving_up, return_exceptions=True)
        assert stage.upstream.busy == 0


async def cutting_never(visit: Visit) -> None:
    """Answer half a body and keep the connection."""
    await visit.request()
    await visit.send(b"HTTP/1.1 401 No\r\nContent-Length: 10\r\n\r\nhalf")
    await visit.reader.read()


# ── what goes wrong, in our words ───────────────────────────────────────────────────────────────────────────────


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def test_nobody_listening_is_a_refused_connection() -> None:
    async with asking(silent, url=f"http://127.0.0.1:{closed_port()}") as stage:
        with pytest.raises(errors.ConnectionRefused) as caught:
            await stage.ask()
        assert caught.value.status == 502


async def test_a_name_that_does_not_resolve_is_a_dns_error() -> None:
    async with asking(silent, url="http://no-such-host.invalid:80", connect=10) as stage:
        with pytest.raises(errors.DnsError):
            await stage.ask()


async def test_a_tls_handshake_that_does_not_come_is_a_connection_timeout(ends: Ends) -> None:
    async def deaf(visit: Visit) -> None:
        await visit.reader.read(1)
        await asyncio.Event().wait()

    async with (
        serving(deaf) as origin,
        asking(silent, tls=lambda: ends.clients[0], url=f"https://localhost:{origin.port}", connect=0.1) as stage,
    ):
        with pytest.raises(errors.ConnectionTimeout) as caught:
            await stage.ask("POST", "/a", body_of(b"x"))
        assert caught.value.status == 504
        assert origin.connections == 1


async def test_a_certificate_that_is_not_trusted_is_a_tls_certificate_error(ends: Ends) -> None:
    stranger = Tls(context=ssl.create_default_context(), presented=False)
    async with asking(replying(OK), tls=lambda: stranger, server=ends.server) as stage:
        with pytest.raises(errors.TlsCertificateError):
            await stage.ask()
        assert stage.origin.requests == []


async def test_no_reply_in_time_is_a_response_timeout() -> None:
    async with asking(silent, response=0.1) as stage:
        with pytest.raises(errors.ResponseTimeout) as caught:
            await stage.ask("POST", "/a", body_of(b"x"))
        assert caught.value.status == 504
        assert len(stage.origin.requests) == 1


async def test_a_caller_that_sends_slowly_is_not_counted_against_finhub() -> None:
    source = Parts([bytes(70_000), b"x", b"y"], pause=0.15)
    async with asking(replying(OK), response=0.1) as stage:
        assert await stage.ask("POST", "/a", body_of(length=70_002, source=source)) == b"ok"


async def test_finhub_taking_nothing_of_a_body_is_a_response_timeout() -> None:
    async def stubborn(visit: Visit) -> None:
        await visit.head()
        visit.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport of sockets has it
        await asyncio.Event().wait()

    async with asking(stubborn, response=0.2) as stage:
        body = body_of(length=64 << 20, source=Parts([bytes(1 << 20)] * 64), remembered=1)
        async with asyncio.timeout(5):
            with pytest.raises(errors.ResponseTimeout):
                await stage.ask("POST", "/a", body)
        assert not body.complete


async def test_a_pause_in_a_reply_longer_than_allowed_ends_it() -> None:
    async with asking(cutting_never, idle=0.1) as stage, await stage.send() as reply:
        with pytest.raises(errors.ResponseTimeout):
            await read(reply)


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 2OO OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nxx\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
)
async def test_a_reply_that_no_proxy_can_pass_on_is_malformed(raw: bytes) -> None:
    async with asking(replying(raw)) as stage:
        with pytest.raises(errors.MalformedReply) as caught:
            await stage.ask()
        assert caught.value.status == 502


@pytest.mark.parametrize("script", [slamming, cutting(), cutting(b"HTTP/1.1 200 OK\r\nContent-")])
async def test_a_connection_closed_without_a_whole_head_is_a_terminated_one(script: Script) -> None:
    async with asking(script) as stage:
        with pytest.raises(errors.ConnectionTerminated):
            await stage.ask("POST", "/a", body_of(b"x"))


async def test_a_reset_is_a_terminated_connection() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        visit.reset()

    async with asking(script) as stage:
        with pytest.raises(errors.ConnectionTerminated):
            await stage.ask("POST", "/a", body_of(b"x"))


@pytest.mark.parametrize(
    "part",
    [
        b"Content-Length: 10\r\n\r\nhalf",
        b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n9\r\nhalf",
    ],
)
async def test_a_reply_cut_in_its_body_is_a_terminated_connection(part: bytes) -> None:
    async with asking(cutting(b"HTTP/1.1 200 OK\r\n" + part)) as stage, await stage.send() as reply:
        with pytest.raises(errors.ConnectionTerminated):
            await read(reply)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (lambda: Parts([bytes(70_000)], endless=True), errors.CallerTimeout),
        (lambda: Parts([bytes(70_000), bytes(20_000), bytes(20_000)], pause=0.01), errors.BodyTooLarge),
        (lambda: Parts([bytes(70_000)], pause=0.01), errors.MalformedRequest),
    ],
)
async def test_a_body_that_fails_on_its_way_is_told_as_the_callers_failure_and_never_ended_for_finhub(
    source: Callable[[], Parts], kind: type[errors.SidecarError]
) -> None:
    async with asking(silent) as stage:
        with pytest.raises(kind) as caught:
            await stage.ask("POST", "/a", body_of(length=120_000, source=source(), max_body=100_000, timeout=0.1))
        assert type(caught.value) is kind
        (asked,) = stage.origin.requests
        assert not asked.whole


async def test_a_chunked_body_that_fails_on_its_way_gets_no_last_chunk() -> None:
    async with asking(silent) as stage:
        source = Parts([bytes(70_000), bytes(20_000), bytes(20_000)], pause=0.01)
        with pytest.raises(errors.BodyTooLarge):
            await stage.ask("POST", "/a", body_of(source=source, max_body=100_000))
        assert [asked.whole for asked in stage.origin.requests] == [False]


# ── TRAPS D ─────────────────────────────────────────────────────────────────────────────────────────────────────


def told(error: BaseException | None) -> str:
    """Return everything that an exception can be made to say, with all that lies behind it."""
    said = ""
    while error is not None:
        said += f"{error}|{error!r}|{error.args!r}|" + "".join(traceback.format_exception(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return said


@pytest.mark.parametrize(
    "script",
    [
        slamming,
        cutting(),
        cutting(b"SSH-2.0-OpenSSH_9.9\r\n"),
        cutting(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
        cutting(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
        cutting(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
        silent,
    ],
)
async def test_trap_d_no_error_that_leaves_here_can_be_made_to_show_the_token(script: Script) -> None:
    async with asking(script, response=0.05) as stage:
        with pytest.raises(errors.UpstreamError) as caught:
            await stage.ask("GET", f"/a?code={QUERY}")
        assert "t0p-secret" not in told(caught.value)


def test_trap_d_a_request_does_not_show_its_fields() -> None:
    request = Request(method="GET", target="/a", fields=((b"Authorization", BEARER),), body=body_of(), sendings=[])
    assert "t0p-secret" not in repr(request)


# ── connections that FinHub keeps for a time only ───────────────────────────────────────────────────────────────

KEPT_FOR_A_SECOND = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: timeout=1\r\n\r\nok"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_connection_that_finhub_gives_up_soon_is_not_used_again(method: str) -> None:
    """The server ends each connection without an answer when a second request comes: a payment would be lost."""
    async with asking(dying_when_reused(KEPT_FOR_A_SECOND)) as stage:
        for _ in range(3):
            body = body_of(b"payment") if method == "POST" else body_of()
            assert await stage.ask(method, body=body) == b"ok"
        assert (stage.origin.connections, len(stage.origin.requests), stage.sendings) == (3, 3, [])


async def test_a_body_that_is_not_remembered_goes_over_a_new_connection_when_the_pooled_one_could_not_be_used() -> None:
    spoken = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(OK)
        if visit.number == 1:
            await asyncio.sleep(0.01)
            await visit.send(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
            spoken.set()
            await visit.request()

    async with asking(script) as stage:
        await stage.ask()
        await spoken.wait()
        await asyncio.sleep(0.01)
        payment = bytes(range(256)) * 1024
        parts = [payment[at : at + 50_000] for at in range(0, len(payment), 50_000)]
        assert await stage.ask("POST", body=body_of(*parts, remembered=0)) == b"ok"
        assert (stage.origin.connections, stage.origin.bodies, stage.sendings) == (2, [b"", payment], [])
