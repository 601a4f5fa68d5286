"""A caller's own login: answered here, or by FinHub and then without its tokens; counted at both ends."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from origin import OK, Visit, replying
from rawcaller import chunked, request
from stage import Plan, eventually, staged

from sidecar.gateway.own_calls import OwnCalls
from sidecar.session import dialect_file
from sidecar.session.dialect import own_paths
from sidecar.session.scrub import Scrub
from sidecar.session.stub import PLACEHOLDER, Stub

if TYPE_CHECKING:
    from stage import Stage

DIALECT = dialect_file.load("production")
PLAYGROUND = dialect_file.load("playground")
NOW = 1_800_000_000.0
LOGIN = b"/api/v2/auth/token"
REFRESH = LOGIN + b"/refresh"
LOGOUT = b"/api/v2/auth/logout"
BODY = b'{"username":"u","password":"p"}'
JWT = b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl"


def plan(*, passes: bool = False, **more: Any) -> Plan:
    stub = Stub.build(DIALECT, [PLAYGROUND], {"tenant_id": "1234567"})
    own = OwnCalls(stub, Scrub(DIALECT.reply) if passes else None, lambda: NOW)
    return Plan(own_paths=(*own_paths(DIALECT), (None, "/nobodys")), own_calls=own, **more)


def answering(body: bytes, *fields: bytes, status: bytes = b"200 OK") -> Any:
    return replying(
        b"\r\n".join([b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *fields]) + b"\r\n\r\n" + body
    )


async def nothing_was_asked(stage: Stage) -> None:
    assert stage.tokens.asked == 0
    assert stage.origin.connections == 0


# ── answered here ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_login_is_answered_without_finhub_and_told_as_ours() -> None:
    async with staged(replying(OK), plan()) as stage:
        heard = await stage.ask(request(b"POST", LOGIN, body=BODY))
        assert heard.status == 200
        assert json.loads(heard.body)["token_type"] == "Bearer"
        assert heard.get(b"Content-Type") == [b"application/json"]
        (line,) = await stage.over()
        assert (line.status, line.source, line.attempts, line.received) == (200, "sidecar", 0, len(BODY))
        assert (line.reason, line.rule, line.outcome, line.sent) == ("", "", "complete", len(heard.body))
        assert stage.gateway.traffic.refused == 0
        await nothing_was_asked(stage)


@pytest.mark.parametrize("path", [REFRESH, LOGOUT, b"/api/v2/auth/sandbox/token", b"/API/v2/auth//%74oken;x"])
async def test_the_other_paths_and_every_spelling_are_answered_here_too(path: bytes) -> None:
    async with staged(replying(OK), plan()) as stage:
        assert (await stage.ask(request(b"POST", path, body=b"{}"))).status == 200
        await nothing_was_asked(stage)


async def test_the_connection_goes_on_behind_a_body_of_any_kind() -> None:
    async with staged(replying(OK), plan()) as stage, stage.caller() as caller:
        for data in (
            request(b"POST", LOGIN, body=BODY),
            request(b"POST", LOGIN, b"Transfer-Encoding: chunked") + chunked(b"{", b"}"),
            request(b"POST", LOGIN, body=b"x" * 200_000),
            request(b"POST", LOGIN),
        ):
            await caller.send(data)
            assert (await caller.reply()).status == 200
        await caller.send(request(b"GET", b"/a"))
        assert (await caller.reply()).raw == OK


async def test_a_caller_that_waits_with_its_body_is_told_to_go_on() -> None:
    async with staged(replying(OK), plan()) as stage, stage.caller() as caller:
        await caller.send(request(b"POST", LOGIN, b"Expect: 100-continue", body=BODY).removesuffix(BODY))
        assert (await caller.head()).startswith(b"HTTP/1.1 100 ")
        await caller.send(BODY)
        assert (await caller.reply()).status == 200


async def test_nothing_of_a_body_is_kept() -> None:
    async with staged(replying(OK), plan()) as stage:
        before = stage.budget.left
        await stage.ask(request(b"POST", LOGIN, body=BODY))
        await stage.over()
        assert stage.budget.left == before


async def test_a_body_that_does_not_come_is_waited_for_as_any_other() -> None:
    async with staged(replying(OK), plan(body_timeout=0.05)) as stage:
        assert (await stage.ask(request(b"POST", LOGIN, body=BODY)[:-3])).status == 408
        (line,) = await stage.over()
        assert line.received == len(BODY) - 3


async def test_another_method_is_405_and_names_the_one_there_is() -> None:
    async with staged(replying(OK), plan()) as stage:
        heard = await stage.ask(request(b"GET", LOGIN))
        assert heard.status == 405
        assert heard.get(b"Allow") == [b"POST"]
        assert "authenticated already" in heard.problem["remedy"]
        (line,) = await stage.over()
        assert (line.status, line.rule, line.reason) == (405, "login_endpoint", "http_request_denied")
        assert heard.problem["request_id"] == line.request_id
        assert stage.gateway.traffic.refused == 1
        await nothing_was_asked(stage)


async def test_a_path_that_nobody_knows_the_use_of_is_refused() -> None:
    async with staged(replying(OK), plan()) as stage:
        heard = await stage.ask(request(b"POST", b"/nobodys", body=b"{}"))
        assert (heard.status, heard.cause) == (403, "http_request_denied")
        (line,) = await stage.over()
        assert line.rule == "login_endpoint"
        await nothing_was_asked(stage)


async def test_no_rule_of_allow_is_needed_since_finhub_is_not_asked() -> None:
    async with staged(replying(OK), plan(allow=("GET /a",))) as stage:
        assert (await stage.ask(request(b"POST", LOGIN, body=BODY))).status == 200
        assert (await stage.ask(request(b"POST", b"/pay", body=BODY))).status == 403


async def test_whoever_may_not_use_us_gets_no_answer() -> None:
    async with staged(replying(OK), plan()) as stage:
        other = request(b"POST", LOGIN, body=BODY).replace(b"localhost", b"evil.example")
        assert (await stage.ask(other)).status == 403
        stage.gateway.traffic.bar("the disk is full")
        assert (await stage.ask(request(b"POST", LOGIN, body=BODY))).status == 503


async def test_a_known_head_does_not_slip_past() -> None:
    async with staged(replying(OK), plan()) as stage, stage.caller() as caller:
        for path in (b"/a", b"/a", LOGIN, b"/a"):
            await caller.send(request(b"GET", path, b"Accept: x/y"))
            assert (await caller.reply()).status == (405 if path == LOGIN else 200)
        assert [asked.target for asked in stage.origin.requests] == [b"/a"] * 3


# ── passed on ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_login_that_is_passed_has_our_token_and_its_reply_has_none() -> None:
    body = b'{"expires_in": 1800, "userSessionToken": "%b", "refreshToken": "opaque-refresh"}' % JWT
    script = answering(body, b"Set-Cookie: sid=1", b"X-Session-ID: s-1", b"X-Kept: yes")
    async with staged(script, plan(passes=True)) as stage:
        own = (b"Authorization: Bearer mine", b"Accept-Encoding: gzip, br")
        heard = await stage.ask(request(b"POST", LOGIN, *own, body=BODY))
        assert heard.status == 200
        said = json.loads(heard.body)
        assert (said["expires_in"], said["refreshToken"]) == (1800, PLACEHOLDER)
        assert JWT not in heard.raw
        assert heard.get(b"X-Kept") == [b"yes"]
        assert heard.get(b"Set-Cookie") == heard.get(b"X-Session-ID") == []
        assert heard.get(b"Content-Length") == [b"%d" % len(heard.body)]
        (asked,) = stage.origin.requests
        assert (asked.line, asked.body) == (b"POST " + LOGIN + b" HTTP/1.1", BODY)
        assert asked.get(b"Authorization") == [b"Bearer fresh-token-1"]
        assert asked.get(b"Accept-Encoding") == [b"identity"]
        (line,) = await stage.over()
        assert (line.status, line.source, line.attempts, line.received) == (200, "upstream", 1, len(BODY))


async def test_a_login_that_finhub_refuses_is_sent_once_and_says_nothing_of_our_token() -> None:
    body = b'{"code":401,"message":"Invalid credentials"}'
    async with staged(answering(body, status=b"401 Unauthorized"), plan(passes=True)) as stage:
        heard = await stage.ask(request(b"POST", LOGIN, body=BODY))
        assert (heard.status, heard.body) == (401, body)
        assert len(stage.origin.requests) == 1
        assert stage.tokens.counts == {"rejected": 0, "struck": 0, "accepted": 0}


@pytest.mark.parametrize("path", [REFRESH, LOGOUT])
async def test_a_refresh_or_a_logout_never_goes_to_finhub(path: bytes) -> None:
    async with staged(replying(OK), plan(passes=True)) as stage:
        assert (await stage.ask(request(b"POST", path, body=b"{}"))).status == 200
        await nothing_was_asked(stage)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (b"/api/v2/auth/%74oken", ()),
        (b"/api/v2/auth//token", ()),
        (LOGIN, (b"X-HTTP-Method-Override: DELETE",)),
    ],
)
async def test_what_another_server_may_take_for_a_logout_is_not_passed(path: bytes, fields: tuple[bytes, ...]) -> None:
    async with staged(replying(OK), plan(passes=True)) as stage:
        assert (await stage.ask(request(b"POST", path, *fields, body=b"{}"))).status == 403
        await nothing_was_asked(stage)


async def test_a_login_that_is_passed_needs_a_rule_of_allow() -> None:
    async with staged(replying(OK), plan(passes=True, allow=("GET /a",))) as stage:
        assert (await stage.ask(request(b"POST", LOGIN, body=BODY))).status == 403
        (line,) = await stage.over()
        assert line.rule == "allow"
        await nothing_was_asked(stage)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"<html>token</html>", ()),
        (gzip.compress(b'{"token":"x"}', mtime=0), (b"Content-Encoding: gzip",)),
        (b'{"token":"' + b"x" * 70_000 + b'"}', ()),
        (b'{"code":200}'.ljust(65_536) + b'{"token":"x"}', ()),
    ],
    ids=["no JSON", "coded", "too long", "JSON up to the bound and more behind it"],
)
async def test_a_reply_that_cannot_be_searched_is_withheld(body: bytes, fields: tuple[bytes, ...]) -> None:
    async with staged(answering(body, *fields), plan(passes=True)) as stage:
        heard = await stage.ask(request(b"POST", LOGIN, body=BODY))
        assert (heard.status, heard.cause) == (502, "http_protocol_error")
        assert stage.upstream.busy == 0


async def test_a_reply_that_comes_in_pieces_is_searched_whole() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        await visit.send(head, b'9\r\n{"token":\r\n')
        await eventually(lambda: stage.gateway.traffic.in_flight == 1)
        await asyncio.sleep(0.02)
        await visit.send(b'f\r\n"opaque-12345"}\r\n0\r\n\r\n')

    async with staged(script, plan(passes=True)) as stage:
        heard = await stage.ask(request(b"POST", LOGIN, body=BODY))
        assert json.loads(heard.body) == {"token": PLACEHOLDER}
        assert heard.get(b"Transfer-Encoding") == []
        (line,) = await stage.over()
        assert line.sent == len(heard.body)
