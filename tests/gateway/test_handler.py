"""The straight line: what is asked of whom and how often, and what the caller is told."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import re

import pytest
from faketokens import FakeTokens
from origin import OK, REFUSED, Script, Visit, cutting, dying_when_reused, replying, silent, slamming
from rawcaller import chunked, request
from stage import Plan, eventually, staged

from sidecar import errors
from sidecar.gateway.relocation import Relocation
from sidecar.redact import Secret

FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
GET = request(b"GET", b"/a")
POST = request(b"POST", b"/pay", body=b"100 EUR")


def reply_of(status: bytes, body: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *fields]) + b"\r\n\r\n" + body


# ── carried ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_request_gets_the_token_and_the_fields_and_its_reply_is_finhubs() -> None:
    async with staged(replying(OK), Plan(tokens=FakeTokens(session_id="s-1"))) as stage:
        heard = await stage.ask(POST)
        assert heard.raw == OK
        (asked,) = stage.origin.requests
        assert (asked.line, asked.body) == (b"POST /pay HTTP/1.1", b"100 EUR")
        assert asked.get(b"Authorization") == [b"Bearer fresh-token-1"]
        assert asked.get(b"X-Tenant-ID") == [b"1234567"]
        assert asked.get(b"Host") == [stage.upstream.authority]
        assert stage.tokens.counts == {"rejected": 0, "struck": 0, "accepted": 1}


async def test_the_token_is_chosen_when_the_body_is_there_since_a_caller_may_outlast_one() -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await caller.send(POST[:-3])
        await eventually(lambda: stage.gateway.traffic.in_flight == 1)
        await asyncio.sleep(0.05)
        assert stage.tokens.asked == 0
        await caller.send(POST[-3:])
        assert (await caller.head()).startswith(b"HTTP/1.1 200")
        assert stage.tokens.asked == 1


async def test_a_request_is_told_of_in_one_event() -> None:
    async with staged(replying(OK)) as stage:
        await stage.ask(POST)
        (line,) = await stage.over()
        assert (line.method, line.path, line.status, line.source) == ("POST", "/pay", 200, "upstream")
        assert (line.received, line.sent, line.attempts, line.outcome) == (7, 2, 1, "complete")
        assert (line.reason, line.rule, line.replay) == ("", "", "")
        assert line.duration > line.upstream_duration > 0
        assert line.session_wait is not None
        assert 0 <= line.session_wait < line.duration - line.upstream_duration
        assert line.request_id == "00000000-0000-4000-8000-000000000001"
        assert len(stage.told) == 1


async def test_a_token_at_hand_is_not_waited_for() -> None:
    async with staged(replying(OK)) as stage:
        await stage.ask(POST)
        await stage.ask(POST)
        assert [line.session_wait is None for line in await stage.over(2)] == [False, True]


async def test_traffic_is_counted_while_it_is_on_its_way() -> None:
    async with staged(silent) as stage, stage.caller() as caller:
        await caller.send(GET)
        await eventually(lambda: len(stage.origin.requests) == 1)
        traffic = stage.gateway.traffic
        assert (traffic.total, traffic.in_flight, traffic.replays, traffic.refused) == (1, 1, 0, 0)
        assert stage.upstream.busy == 1


async def test_ten_requests_of_one_caller_use_one_connection_to_finhub() -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        for _ in range(10):
            await caller.send(POST)
            assert (await caller.reply()).status == 200
        assert stage.origin.connections == 1
        assert len(stage.origin.requests) == 10


# ── the guard comes first ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("raw", "status", "rule"),
    [
        (request(b"GET", b"/a").replace(b"localhost", b"evil.example"), 403, "host"),
        (request(b"GET", b"/a", b"Origin: https://evil.example"), 403, "origin"),
        (request(b"GET", b"/a", b"Sec-Fetch-Site: cross-site"), 403, "sec_fetch_site"),
        (request(b"POST", b"/api/v2/auth/token", body=b"{}"), 403, "login_endpoint"),
        (request(b"TRACE", b"/a"), 403, "method"),
        (request(b"POST", b"/a", b"Content-Length: 1001"), 413, "max_body"),
    ],
)
async def test_what_the_guard_refuses_costs_no_token_and_no_connection(raw: bytes, status: int, rule: str) -> None:
    async with staged(replying(OK), Plan(max_body=1000)) as stage, stage.caller() as caller:
        await caller.send(raw)
        heard = await caller.reply()
        assert heard.status == status
        told = heard.problem
        (line,) = await stage.over()
        assert (line.status, line.source, line.rule, line.attempts) == (status, "sidecar", rule, 0)
        assert line.session_wait is None
        assert told["request_id"] == line.request_id
        assert stage.tokens.asked == 0
        assert stage.origin.connections == 0
        assert stage.gateway.traffic.refused == 1


async def test_a_changed_policy_holds_for_the_next_request() -> None:
    async with staged(replying(OK)) as stage:
        assert (await stage.ask(GET)).status == 200
        stage.gateway.policy = Plan(caller_key=Secret("letmein-key")).policy()
        assert (await stage.ask(GET)).status == 403
        heard = await stage.ask(request(b"GET", b"/a", b"X-Sidecar-Key: letmein-key"))
        assert heard.status == 200
        assert stage.origin.requests[-1].get(b"X-Sidecar-Key") == []


MOVED = reply_of(
    b"302 Found", b"", b"Location: https://api.finhub.cloud/b?c", b"Set-Cookie: a=1; Domain=finhub.cloud; Secure"
)


async def test_finhubs_address_in_a_reply_is_the_listeners_where_that_is_asked_for_and_else_stays() -> None:
    async with staged(replying(MOVED)) as stage:
        assert (await stage.ask(GET)).raw == MOVED
    async with staged(replying(MOVED), Plan(relocation=Relocation.build("https://api.finhub.cloud"))) as stage:
        heard = await stage.ask(GET)
        assert heard.raw == MOVED.replace(b"https://api.finhub.cloud", b"http://localhost").replace(
            b"; Domain=finhub.cloud; Secure", b""
        )


# ── a refused token ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_401_is_replayed_once_with_another_token_and_the_caller_sees_the_second_reply_alone() -> None:
    async with staged(replying(REFUSED, OK)) as stage:
        heard = await stage.ask(POST)
        assert heard.raw == OK
        assert stage.origin.bodies == [b"100 EUR", b"100 EUR"]
        assert [asked.get(b"Authorization") for asked in stage.origin.requests] == [
            [b"Bearer fresh-token-1"],
            [b"Bearer fresh-token-2"],
        ]
        assert stage.tokens.rejected == stage.tokens.issued[:1]
        assert stage.tokens.accepted == stage.tokens.issued[1:]
        assert stage.tokens.struck == []
        (line,) = await stage.over()
        assert (line.attempts, line.replay, line.status) == (2, "token refused", 200)
        assert line.session_wait is not None
        assert stage.gateway.traffic.replays == 1


async def test_a_replay_differs_in_nothing_but_the_token() -> None:
    body = bytes(range(256)) * 2000
    async with staged(replying(REFUSED, OK)) as stage:
        await stage.ask(request(b"PUT", b"/a//b?x=%2f", b"X-Twice: 1", b"x-twice: 2", body=body))
        first, second = stage.origin.requests
        assert first.line == second.line
        assert first.body == second.body == body
        assert first.fields[:-1] == second.fields[:-1]
        assert first.get(b"X-Request-ID") == [b"00000000-0000-4000-8000-000000000001"]


async def test_a_replay_goes_over_the_connection_of_the_401() -> None:
    async with staged(replying(REFUSED, OK)) as stage:
        await stage.ask(POST)
        assert stage.origin.connections == 1


async def test_a_401_before_the_whole_body_came_is_replayed_with_the_whole_body() -> None:
    async def script(visit: Visit) -> None:
        asked = await visit.head()
        if visit.number == 1:
            await visit.send(REFUSED)
            await visit.reader.read()
            return
        await visit.body(asked)
        await visit.send(OK)

    body = bytes(range(256)) * 1000
    async with staged(script) as stage, stage.caller() as caller:
        await caller.send(request(b"POST", b"/a", b"Content-Length: 256000") + body[:100_000])
        await eventually(lambda: len(stage.origin.requests) == 2)
        await caller.send(body[100_000:])
        assert (await caller.reply()).raw == OK
        assert stage.origin.bodies[1] == body
        assert stage.tokens.counts == {"rejected": 1, "struck": 0, "accepted": 1}


async def test_a_401_on_the_fresh_token_is_the_callers_with_finhubs_own_body_and_one_strike() -> None:
    second = reply_of(b"401 Unauthorized", b"second", b"WWW-Authenticate: Bearer")
    async with staged(replying(REFUSED, second)) as stage:
        heard = await stage.ask(POST)
        assert heard.raw == second
        assert len(stage.origin.requests) == 2
        assert stage.tokens.asked == 2
        assert stage.tokens.rejected == stage.tokens.issued[:1]
        assert stage.tokens.struck == stage.tokens.issued[1:]
        assert stage.tokens.accepted == []
        (line,) = await stage.over()
        assert (line.attempts, line.replay, line.source) == (2, "refused on a fresh token", "upstream")


async def test_under_the_storm_brake_a_401_is_delivered_as_it_is() -> None:
    async with staged(replying(REFUSED), Plan(tokens=FakeTokens(brake=True))) as stage:
        heard = await stage.ask(POST)
        assert heard.raw == REFUSED
        assert len(stage.origin.requests) == 1
        assert stage.tokens.counts == {"rejected": 1, "struck": 0, "accepted": 0}
        (line,) = await stage.over()
        assert line.replay == "storm brake"


@pytest.mark.parametrize("status", [b"403 Forbidden", b"400 Bad", b"407 Proxy", b"429 Slow Down", b"500 Oops"])
async def test_no_other_status_ever_rejects_a_token(status: bytes) -> None:
    raw = reply_of(status, b"no", b"Retry-After: 3")
    async with staged(replying(raw)) as stage:
        assert (await stage.ask(POST)).raw == raw
        assert stage.tokens.counts == {"rejected": 0, "struck": 0, "accepted": 1}
        assert len(stage.origin.requests) == 1


async def test_a_403_to_the_replay_clears_the_strikes_since_the_token_was_taken() -> None:
    async with staged(replying(REFUSED, FORBIDDEN)) as stage:
        assert (await stage.ask(POST)).raw == FORBIDDEN
        assert stage.tokens.counts == {"rejected": 1, "struck": 0, "accepted": 1}


async def test_a_body_too_large_to_remember_gets_the_401_and_the_next_caller_another_token() -> None:
    async with staged(replying(REFUSED, OK), Plan(remembered=1000)) as stage:
        heard = await stage.ask(request(b"POST", b"/a", body=bytes(1001)))
        assert heard.raw == REFUSED
        assert len(stage.origin.requests) == 1
        assert stage.tokens.counts == {"rejected": 1, "struck": 0, "accepted": 0}
        (line,) = await stage.over()
        assert line.replay == "body exceeds replay.max_body or replay.max_total"
        await stage.ask(GET)
        assert stage.origin.requests[-1].get(b"Authorization") == [b"Bearer fresh-token-2"]


async def test_all_bodies_together_remember_no_more_than_allowed_and_give_it_back() -> None:
    answer = asyncio.Event()

    async def script(visit: Visit) -> None:
        asked = await visit.request()
        if asked.target == b"/first":
            await answer.wait()
            await visit.send(OK)
        else:
            await visit.send(REFUSED)
            await visit.request()
            await visit.send(OK)

    async with staged(script, Plan(total=1500)) as stage, stage.caller() as first:
        await first.send(request(b"POST", b"/first", body=bytes(1000)))
        await eventually(lambda: len(stage.origin.requests) == 1)
        assert stage.budget.left == 500 - 64  # a chunk costs a little itself
        heard = await stage.ask(request(b"POST", b"/second", body=bytes(1000)))
        assert heard.raw == REFUSED
        answer.set()
        await first.reply()
        await stage.over(2)
        assert stage.budget.left == 1500
        heard = await stage.ask(request(b"POST", b"/third", body=bytes(1000)))
        assert heard.raw == OK


@pytest.mark.parametrize(
    ("reply", "replays"),
    [
        (reply_of(b"401 No", b'{"message":"access token HAS EXPIRED"}'), 1),
        (reply_of(b"401 No", b'{"message":"wrong scope"}'), 0),
        (reply_of(b"401 No", b""), 0),
        (reply_of(b"401 No", gzip.compress(b"wrong scope", mtime=0), b"Content-Encoding: gzip"), 1),
        (reply_of(b"401 No", b"." * 65_500 + b"has expired"), 1),
        (reply_of(b"401 No", b"." * 65_536 + b"has expired"), 0),
        (b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhas \r\n7\r\nexpired\r\n0\r\n\r\n", 1),
    ],
)
async def test_expired_when_narrows_what_counts_as_expiry_to_the_first_64_kib(reply: bytes, replays: int) -> None:
    async with staged(replying(reply, OK), Plan(expired_when="has expired")) as stage:
        heard = await stage.ask(POST)
        assert heard.raw == (OK if replays else reply)
        assert stage.tokens.counts["rejected"] == replays
        assert len(stage.origin.requests) == 1 + replays


async def test_a_401_that_breaks_off_while_it_is_read_is_502() -> None:
    cut = cutting(b"HTTP/1.1 401 No\r\nContent-Length: 100\r\n\r\nhas")
    async with staged(cut, Plan(expired_when="has expired")) as stage:
        heard = await stage.ask(POST)
        assert (heard.status, heard.cause) == (502, "connection_terminated")
        assert stage.tokens.counts["rejected"] == 0
        assert stage.upstream.busy == 0


# ── no token ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_without_a_token_nothing_is_sent_and_the_caller_is_told_when_to_come_again() -> None:
    trouble = errors.TokenUnavailable("FinHub says no", cause="connection_refused", remedy="Wait.", retry_after=7)
    async with staged(replying(OK), Plan(tokens=FakeTokens(trouble=trouble))) as stage:
        heard = await stage.ask(POST)
        assert heard.status == 503
        assert heard.get(b"Retry-After") == [b"7"]
        assert heard.cause == "connection_refused"
        assert heard.problem["remedy"] == "Wait."
        assert stage.origin.connections == 0
        (line,) = await stage.over()
        assert (line.attempts, line.reason) == (0, "connection_refused")
        assert line.session_wait is not None


async def test_a_401_after_which_there_is_no_token_is_503_and_not_replayed() -> None:
    trouble = errors.TokenUnavailable("FinHub says no", cause="proxy_configuration_error")
    tokens = FakeTokens(trouble=trouble, trouble_after=1)
    async with staged(replying(REFUSED), Plan(tokens=tokens)) as stage:
        heard = await stage.ask(POST)
        assert (heard.status, heard.cause) == (503, "proxy_configuration_error")
        assert len(stage.origin.requests) == 1
        assert stage.upstream.busy == 0


# ── FinHub cannot be reached ────────────────────────────────────────────────────────────────────────────────────


async def test_a_refused_connection_is_502() -> None:
    async with staged(silent, Plan(url="http://127.0.0.1:1")) as stage:
        heard = await stage.ask(GET)
        assert (heard.status, heard.cause) == (502, "connection_refused")


@pytest.mark.parametrize(
    ("script", "status", "cause"),
    [
        (slamming, 502, "connection_terminated"),
        (cutting(b"SSH-2.0-OpenSSH_9.9\r\n"), 502, "http_protocol_error"),
        (cutting(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), 502, "http_protocol_error"),
        (silent, 504, "connection_read_timeout"),
    ],
)
async def test_each_failure_of_finhub_has_its_status_and_its_name(script: Script, status: int, cause: str) -> None:
    async with staged(script, Plan(response=0.1)) as stage:
        heard = await stage.ask(POST)
        assert (heard.status, heard.cause) == (status, cause)
        (line,) = await stage.over()
        assert (line.status, line.source, line.reason, line.attempts) == (status, "sidecar", cause, 1)
        assert stage.upstream.busy == 0
        assert stage.bugs() == []


async def test_more_requests_than_connections_are_503_with_retry_after() -> None:
    async with staged(silent, Plan(connections=1, connect=0.05)) as stage, stage.caller() as first:
        await first.send(GET)
        await eventually(lambda: len(stage.origin.requests) == 1)
        heard = await stage.ask(GET)
        assert (heard.status, heard.cause) == (503, "connection_limit_reached")
        assert heard.get(b"Retry-After") == [b"1"]
        assert len(stage.origin.requests) == 1


@pytest.mark.parametrize("method", [b"PUT", b"DELETE", b"POST"])
async def test_trap_b_on_a_dead_connection_finhub_sees_a_payment_once_and_the_caller_a_502(method: bytes) -> None:
    async with staged(dying_when_reused()) as stage:
        await stage.ask(GET)
        heard = await stage.ask(request(method, b"/pay", body=b"100 EUR"))
        assert (heard.status, heard.cause) == (502, "connection_terminated")
        assert [asked.target for asked in stage.origin.requests] == [b"/a", b"/pay"]


async def test_trap_b_on_a_dead_connection_a_get_is_sent_once_more_and_told_as_two_attempts() -> None:
    async with staged(dying_when_reused()) as stage:
        await stage.ask(GET)
        assert (await stage.ask(request(b"GET", b"/b"))).raw == OK
        assert [(asked.connection, asked.target) for asked in stage.origin.requests] == [
            (1, b"/a"),
            (1, b"/b"),
            (2, b"/b"),
        ]
        line = (await stage.over(2))[1]
        assert (line.attempts, line.replay) == (2, "dead connection")


# ── what nobody expected ────────────────────────────────────────────────────────────────────────────────────────


class Surprise(Exception):
    """What no part of the sidecar raises."""


class Surprising(FakeTokens):
    """A token source with a bug in it."""

    async def token(self) -> None:  # type: ignore[override]  # it never returns
        raise Surprise("t0p-secret")


async def test_a_bug_is_a_reply_without_its_text_and_an_event_that_names_the_place() -> None:
    async with staged(replying(OK), Plan(tokens=Surprising())) as stage:
        heard = await stage.ask(GET)
        assert (heard.status, heard.cause) == (502, "proxy_internal_error")
        assert b"t0p-secret" not in heard.raw
        (line,) = await stage.over()
        (bug,) = stage.bugs()
        assert re.search(r"kind='Surprise'.*token \(test_handler.py:\d+\)", repr(bug))
        assert "t0p-secret" not in repr(bug) + repr(line)
        assert f"request_id='{line.request_id}'" in repr(bug)


async def test_a_request_cut_by_the_end_of_the_process_is_told_as_aborted() -> None:
    async with staged(silent) as stage:
        async with stage.caller() as caller:
            await caller.send(GET)
            await eventually(lambda: len(stage.origin.requests) == 1)
            await stage.stop()
        (line,) = await stage.over()
        assert (line.outcome, line.status) == ("aborted", 0)
        assert stage.upstream.busy == 0
        assert stage.gateway.traffic.in_flight == 0


# ── the caller's side of a body ─────────────────────────────────────────────────────────────────────────────────


async def test_a_chunked_body_arrives_as_it_was_sent() -> None:
    async with staged(replying(OK)) as stage:
        await stage.ask(request(b"POST", b"/a", b"Transfer-Encoding: chunked") + chunked(b"one", b"two", b"\r\n0\r\n"))
        await stage.ask(request(b"POST", b"/b", b"Transfer-Encoding: chunked") + chunked(*[b"x" * 9_999] * 20))
        short, long = stage.origin.requests
        assert short.body == b"onetwo\r\n0\r\n"
        assert long.body == b"x" * 199_980
        for asked in (short, long):
            assert len(asked.get(b"Content-Length") + asked.get(b"Transfer-Encoding")) == 1


async def test_a_chunked_body_over_the_limit_is_413_and_finhub_never_sees_its_end() -> None:
    async with staged(silent, Plan(max_body=100_000)) as stage, stage.caller() as caller:
        await caller.send(
            request(b"POST", b"/a", b"Transfer-Encoding: chunked") + b"11170\r\n" + bytes(70_000) + b"\r\n"
        )
        await eventually(lambda: len(stage.origin.requests) == 1)
        await caller.send(b"11170\r\n" + bytes(70_000) + b"\r\n")
        heard = await caller.reply()
        assert (heard.status, heard.cause) == (413, "http_request_error")
        assert not stage.origin.requests[0].whole
        (line,) = await stage.over()
        assert line.status == 413
        assert stage.budget.left == 64 << 20


async def test_one_request_too_many_at_once_is_429_with_a_time_to_come_again() -> None:
    async with (
        staged(silent, Plan(max_requests=2)) as stage,
        stage.caller() as first,
        stage.caller() as second,
    ):
        for number, caller in enumerate((first, second), 1):
            await caller.send(request(b"GET", b"/a"))
            await eventually(lambda number=number: len(stage.origin.requests) == number)
        heard = await stage.ask(request(b"POST", b"/a", body=b"x"))
        assert (heard.status, heard.cause, heard.get(b"Retry-After")) == (429, "http_request_denied", [b"1"])
        assert b"listen.max_requests" in heard.body
        assert len(stage.origin.requests) == 2
        (line,) = await stage.over()
        assert (line.status, line.attempts) == (429, 0)


async def test_while_requests_are_barred_none_is_sent_and_then_they_are_again() -> None:
    async with staged(replying(OK)) as stage:
        stage.gateway.traffic.bar("the audit trail cannot be written: No space left on device")
        heard = await stage.ask(request(b"GET", b"/a"))
        assert (heard.status, heard.cause, heard.get(b"Retry-After")) == (503, "proxy_internal_error", [b"1"])
        assert b"No space left on device" in heard.body
        assert b"Make room where audit.file lies" in heard.body
        assert stage.origin.requests == []
        stage.gateway.traffic.bar("")
        assert (await stage.ask(request(b"GET", b"/a"))).status == 200
        first, second = await stage.over(2)
        assert (first.attempts, first.status, second.attempts, second.status) == (0, 503, 1, 200)


async def test_what_is_on_its_way_when_requests_are_barred_goes_on() -> None:
    async with staged(replying(OK)) as stage, stage.caller() as caller:
        await caller.send(request(b"POST", b"/a", b"Content-Length: 1"))
        await eventually(lambda: stage.gateway.traffic.in_flight == 1)
        stage.gateway.traffic.bar("full")
        await caller.send(b"x")
        assert (await caller.reply()).status == 200


async def test_it_is_told_who_asked_and_with_whose_token() -> None:
    async with staged(replying(OK)) as stage:
        stage.gateway.lane = dataclasses.replace(stage.gateway.lane, tenant="1234567")
        assert (await stage.ask(request(b"GET", b"/a"))).status == 200
        assert (await stage.ask(request(b"GET", b"//../a"))).status == 400
        (told, refused) = await stage.over(2)
        token = await stage.tokens.token()
        assert (told.tenant, told.fingerprint, told.peer, told.uid) == ("1234567", token.fingerprint, "127.0.0.1", None)
        assert (refused.tenant, refused.fingerprint, refused.peer) == ("1234567", "", "127.0.0.1")


@pytest.mark.parametrize("sent", [b"", b"x", b"x" * 70_000])
async def test_a_caller_that_stops_sending_is_408_and_finhub_never_sees_its_end(sent: bytes) -> None:
    async with staged(silent, Plan(body_timeout=0.1)) as stage, stage.caller() as caller:
        await caller.send(request(b"POST", b"/a", b"Content-Length: 100000") + sent)
        heard = await caller.reply()
        assert (heard.status, heard.cause) == (408, "http_request_error")
        (line,) = await stage.over()
        assert line.received == len(sent)
        assert [asked.whole for asked in stage.origin.requests] == ([False] if len(sent) > 65_536 else [])


@pytest.mark.parametrize(
    "sent", [b"zz\r\n", b"2\r\nok\r\nzz\r\n", b"2\r\nokkk\r\n", b"11170\r\n" + bytes(70_000) + b"\r\nzz\r\n"]
)
async def test_chunks_that_cannot_be_read_are_one_400_at_once(sent: bytes) -> None:
    async with staged(silent) as stage, stage.caller() as caller:
        await caller.send(request(b"POST", b"/a", b"Transfer-Encoding: chunked"))
        await eventually(lambda: stage.gateway.traffic.in_flight == 1)
        async with asyncio.timeout(2):
            await caller.send(sent)
            heard = await caller.rest()
        assert heard.status_lines == 1
        assert (heard.status, heard.cause) == (400, "http_request_error")
        assert not any(asked.whole for asked in stage.origin.requests)


async def test_a_caller_that_leaves_in_its_body_costs_finhub_its_end_and_nobody_a_connection() -> None:
    async with staged(silent) as stage:
        async with stage.caller() as caller:
            await caller.send(request(b"POST", b"/a", b"Content-Length: 100000") + bytes(70_000))
            await eventually(lambda: len(stage.origin.requests) == 1)
            caller.leave()
        (line,) = await stage.over()
        assert (line.outcome, line.status, line.received) == ("caller_left", 0, 70_000)
        assert not stage.origin.requests[0].whole
        await eventually(lambda: stage.origin.open == 0)
        assert stage.upstream.busy == 0
        assert stage.budget.left == 64 << 20


async def test_a_payment_whose_caller_leaves_runs_to_its_end() -> None:
    answer = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        await answer.wait()
        await visit.send(OK)

    async with staged(script) as stage:
        async with stage.caller() as caller:
            await caller.send(POST)
            await eventually(lambda: bool(stage.origin.requests and stage.origin.requests[0].whole))
            caller.leave()
        answer.set()
        (line,) = await stage.over()
        assert (line.outcome, line.source, line.sent, line.attempts) == ("caller_left", "upstream", 0, 1)
        assert stage.upstream.busy == 0
