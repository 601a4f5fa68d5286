"""What libraries do to bytes on their own, and must not: exact bytes in, exact bytes out, through the whole line."""

from __future__ import annotations

import contextvars
import gzip
import logging
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from faketokens import FakeTokens
from origin import OK, REFUSED, cutting, replying, slamming
from rawcaller import chunked, request
from stage import Plan, staged

if TYPE_CHECKING:
    from sidecar.session.token import Token


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"gzip", gzip.compress(b'{"amount":"100"}' * 50, mtime=0)),
        (b"deflate", zlib.compress(b"x" * 999)),
        (b"br", b"\x1b\x00"),
    ],
)
async def test_trap_a_a_coded_request_body_arrives_byte_for_byte_with_its_label(coding: bytes, body: bytes) -> None:
    async with staged(replying(OK)) as stage:
        await stage.ask(request(b"POST", b"/a", b"Content-Encoding: " + coding, body=body))
        (asked,) = stage.origin.requests
        assert asked.body == body
        assert asked.get(b"Content-Encoding") == [coding]
        assert asked.get(b"Content-Length") == [b"%d" % len(body)]


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br"])
async def test_a_coded_reply_arrives_byte_for_byte_with_its_label_even_if_it_is_broken(coding: bytes) -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: " + coding + b"\r\nContent-Length: 4\r\n\r\n\x1f\x8b\xff\x00"
    async with staged(replying(raw)) as stage:
        assert (await stage.ask(request(b"GET", b"/a"))).raw == raw


async def test_trap_e_a_query_is_in_no_event_and_in_no_line_of_anybodys_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    target = b"/a?code=t0p-secret"
    for script in (
        replying(OK),
        replying(REFUSED, OK),
        slamming,
        cutting(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"),
    ):
        async with staged(script) as stage:
            await stage.hear(request(b"GET", target, b"Connection: close"))
            await stage.hear(request(b"GET", target, b"Connection: close", b"Origin: https://evil.example"))
            assert [line.path for line in await stage.over(2)] == ["/a", "/a"]
            assert "t0p-secret" not in repr(stage.told)
    assert "t0p-secret" not in caplog.text
    assert [record.name for record in caplog.records if record.name.startswith("aiohttp")] == []


async def test_trap_f_a_request_field_that_is_not_utf_8_is_400_and_is_not_forwarded() -> None:
    async with staged(replying(OK)) as stage:
        heard = await stage.ask(request(b"GET", b"/a", b"X-Name: caf\xe9"))
        assert (heard.status, heard.cause) == (400, "http_request_error")
        assert b"\xe9" not in heard.raw
        assert stage.origin.requests == []


async def test_trap_f_a_request_field_that_is_utf_8_arrives_as_it_is() -> None:
    async with staged(replying(OK)) as stage:
        await stage.ask(request(b"GET", b"/a", "X-Name: café €".encode()))
        assert stage.origin.requests[0].get(b"X-Name") == ["café €".encode()]


async def test_trap_f_a_reply_field_that_is_not_utf_8_is_502_and_never_delivered_altered() -> None:
    async with staged(replying(b"HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\nContent-Length: 2\r\n\r\nok")) as stage:
        heard = await stage.ask(request(b"GET", b"/a"))
        assert (heard.status, heard.cause) == (502, "http_protocol_error")
        assert b"caf" not in heard.raw
        assert stage.upstream.busy == 0


async def test_trap_f_a_reply_field_that_is_utf_8_arrives_as_it_is() -> None:
    raw = "HTTP/1.1 200 OK\r\nX-Name: café €\r\nContent-Length: 2\r\n\r\nok".encode()
    async with staged(replying(raw)) as stage:
        assert (await stage.ask(request(b"GET", b"/a"))).raw == raw


async def test_trap_g_field_names_keep_their_case_and_duplicates_their_order_both_ways() -> None:
    raw = (
        b"HTTP/1.1 200 OK\r\nETag: x\r\nSet-Cookie: b=1\r\nx-lower: 1\r\nset-cookie: a=2\r\nX-UPPER: 1\r\n"
        b"Set-Cookie: b=1\r\nContent-Length: 2\r\n\r\nok"
    )
    sent = [b"X-b: 1", b"ETag: y", b"X-b: 2", b"If-None-Match: z", b"X-b: 1", b"Cookie: a=b"]
    async with staged(replying(raw)) as stage:
        assert (await stage.ask(request(b"GET", b"/a", *sent))).raw == raw
        fields = [name + b": " + value for name, value in stage.origin.requests[0].fields]
        assert [field for field in fields if field in sent] == sent


async def test_trap_g_fields_whose_names_differ_in_case_only_all_arrive_in_their_order() -> None:
    async with staged(replying(OK)) as stage:
        await stage.ask(request(b"GET", b"/a", b"X-b: 1", b"x-B: 2", b"Cookie: a=b", b"x-b: 1", b"cookie: c=d"))
        (asked,) = stage.origin.requests
        assert asked.get(b"X-B") == [b"1", b"2", b"1"]
        assert asked.get(b"Cookie") == [b"a=b", b"c=d"]


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nX: y\r\n\r\nno",
        b"HTTP/1.1 200 OK\r\nServer: FinHub/7\r\ndate: never\r\ncontent-type: text/x\r\nContent-Length: 2\r\n\r\nok",
    ],
)
async def test_trap_h_a_reply_has_the_fields_that_finhub_sent_and_no_others(raw: bytes) -> None:
    async with staged(replying(raw)) as stage:
        assert (await stage.ask(request(b"GET", b"/a"))).raw == raw


async def test_trap_h_a_chunked_reply_gains_nothing_either() -> None:
    raw = b"HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    async with staged(replying(raw)) as stage:
        assert (await stage.ask(request(b"GET", b"/a"))).raw == raw


@pytest.mark.parametrize(
    "target",
    [
        b"/",
        b"//x",
        b"/a?",
        b"/a??",
        b"/a//b/",
        b"/a?x=1&y=%2f+%20&z",
        b"/%2Fa%3Fb",
        b"/%e2%82%ac%41",
        b"/a;p=1/b:c@d",
        b"/a?u=http://b/../c",
        b"/...",
        b'/a?"<>|^`{}',
        b"/%",
    ],
)
async def test_trap_i_a_target_that_passes_arrives_byte_for_byte(target: bytes) -> None:
    async with staged(replying(OK)) as stage:
        assert (await stage.ask(request(b"GET", target))).raw == OK
        (asked,) = stage.origin.requests
        assert asked.line == b"GET " + target + b" HTTP/1.1"
        assert asked.get(b"Host") == [stage.upstream.authority]


@pytest.mark.parametrize(
    "target",
    [
        b"http://evil.example/x",
        b"http://localhost/x",
        b"*",
        b"x",
        b"/a/../b",
        b"/a/./b",
        b"/..",
        b"/%2e%2e/x",
        b"/.%2E/x",
        b"/%2e%2e/%00",
        b"/a%00",
        b"/a#f",
        b"/a\\..\\b",
        b"/caf\xc3\xa9",
        b"/a?x=\xff",
    ],
)
async def test_traps_i_and_x_a_target_with_another_meaning_to_somebody_else_is_400(target: bytes) -> None:
    async with staged(replying(OK)) as stage:
        heard = await stage.ask(request(b"GET", target))
        assert (heard.status, heard.cause) == (400, "http_request_error")
        assert stage.origin.connections == 0
        assert stage.tokens.asked == 0


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /a HTTP/1.1\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: localhost\r\nhost: evil.example\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: localhost, evil.example\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: localhost@evil.example\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost:\r\n\r\n",
        b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
async def test_trap_x_a_request_without_exactly_one_plain_host_is_400(raw: bytes) -> None:
    async with staged(replying(OK)) as stage:
        heard = await stage.hear(raw.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert (heard.status, heard.cause) == (400, "http_request_error")
        assert stage.origin.connections == 0


@pytest.mark.parametrize(
    "fields",
    [
        (b"Content-Length: 2", b"Content-Length: 2"),
        (b"Content-Length: 2", b"Content-Length: 3"),
        (b"Content-Length: 2", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: gzip, chunked",),
        (b"Transfer-Encoding: xchunked",),
        (b"Content-Length: +2",),
        (b"Content-Length: 0x2",),
        (b"Content-Length : 2",),
    ],
)
async def test_trap_x_a_body_framed_in_two_ways_is_400_and_its_bytes_are_no_request(fields: tuple[bytes, ...]) -> None:
    async with staged(replying(OK)) as stage:
        smuggled = request(b"GET", b"/smuggled")
        heard = await stage.hear(request(b"POST", b"/a", *fields, b"Connection: close") + b"0\r\n\r\n" + smuggled)
        assert heard.status == 400
        assert heard.status_lines == 1
        assert stage.origin.connections == 0


@pytest.mark.parametrize("upgrade", [b"websocket", b"h2c"])
async def test_an_upgrade_is_not_carried_and_the_body_behind_it_is_no_request(upgrade: bytes) -> None:
    smuggled = request(b"GET", b"/smuggled")
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await caller.send(request(b"POST", b"/a", b"Connection: Upgrade", b"Upgrade: " + upgrade, body=smuggled))
        assert (await caller.reply()).raw == OK
        await caller.send(request(b"GET", b"/b"))
        assert (await caller.reply()).raw == OK
        assert stage.origin.bodies == [smuggled, b""]
        assert stage.origin.requests[0].get(b"Upgrade") == []


@pytest.mark.parametrize(
    "twin",
    [b"X-Tenant-ID: evil", b"x-tenant-id: evil", b"X_Tenant_ID: evil", b"X-Tenant_ID: evil", b"X-Tenant-ID:"],
)
async def test_trap_w_the_tenant_is_ours_and_has_no_twin(twin: bytes) -> None:
    async with staged(replying(OK)) as stage:
        await stage.ask(request(b"GET", b"/a", twin))
        tenants = [
            (name, value)
            for name, value in stage.origin.requests[0].fields
            if name.lower().replace(b"_", b"-") == b"x-tenant-id"
        ]
        assert tenants == [(b"X-Tenant-ID", b"1234567")]


@pytest.mark.parametrize("option", [b"X-Tenant-ID", b"close, x-tenant-id", b"Authorization, Host"])
async def test_trap_w_connection_cannot_strip_a_field_that_we_set(option: bytes) -> None:
    async with staged(replying(OK)) as stage:
        await stage.ask(request(b"GET", b"/a", b"Connection: " + option, b"X-Tenant-ID: evil"))
        (asked,) = stage.origin.requests
        assert asked.get(b"X-Tenant-ID") == [b"1234567"]
        assert asked.get(b"Authorization") == [b"Bearer fresh-token-1"]
        assert asked.get(b"Host") == [stage.upstream.authority]
        assert asked.get(b"Connection") == []


async def test_trap_w_neither_the_callers_credentials_nor_its_connections_fields_reach_finhub() -> None:
    gone = [
        b"Authorization: Basic evil",
        b"authorization: Bearer evil",
        b"Proxy-Authorization: Basic evil",
        b"Keep-Alive: timeout=evil",
        b"TE: evil",
        b"X-Hop: evil",
        b"Connection: X-Hop",
    ]
    async with staged(replying(OK)) as stage:
        await stage.ask(request(b"GET", b"/a", *gone))
        assert b"evil" not in stage.origin.requests[0].head
        assert stage.origin.requests[0].get(b"Authorization") == [b"Bearer fresh-token-1"]


async def test_trap_w_the_connections_fields_of_a_reply_do_not_reach_the_caller() -> None:
    raw = (
        b"HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: evil\r\nKeep-Alive: evil\r\nProxy-Authenticate: evil\r\n"
        b"Content-Length: 2\r\n\r\nok"
    )
    async with staged(replying(raw)) as stage:
        assert (await stage.ask(request(b"GET", b"/a"))).raw == OK


seen_by: contextvars.ContextVar[str] = contextvars.ContextVar("seen_by", default="nobody")


@dataclass(slots=True)
class Marking(FakeTokens):
    """A token source that leaves a mark in the context, and notes the one it finds there."""

    found: list[str] = field(default_factory=list)

    def at_hand(self) -> Token | None:
        return None

    async def token(self) -> Token:
        self.found.append(seen_by.get())
        seen_by.set(f"request {len(self.found)}")
        return await FakeTokens.token(self)


async def test_trap_u_two_requests_on_one_connection_share_neither_an_id_nor_a_context() -> None:
    tokens = Marking()
    async with staged(replying(OK), Plan(tokens=tokens)) as stage, stage.caller() as caller:
        for _ in range(2):
            await caller.send(request(b"GET", b"/a"))
            await caller.reply()
        lines = await stage.over(2)
        sent = [asked.get(b"X-Request-ID") for asked in stage.origin.requests]
        assert sent == [[line.request_id.encode()] for line in lines]
        assert sent[0] != sent[1]
        assert tokens.found == ["nobody", "nobody"]


async def test_trap_u_pipelined_requests_are_answered_in_their_order_each_with_its_own_id() -> None:
    async with staged(replying(OK, OK.replace(b"ok", b"no"))) as stage, stage.caller() as caller:
        await caller.send(
            request(b"POST", b"/a", body=b"1") + request(b"POST", b"/b", b"Transfer-Encoding: chunked") + chunked(b"2")
        )
        assert [(await caller.reply()).body, (await caller.reply()).body] == [b"ok", b"no"]
        assert stage.origin.bodies == [b"1", b"2"]
        assert len({line.request_id for line in await stage.over(2)}) == 2
