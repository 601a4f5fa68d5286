from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import ssl
from typing import TYPE_CHECKING

import origin
import proxying
import pytest
import trustme
from operating import Files, finhub
from proxying import tunnelling
from tlsserver import server_context, serving

from sidecar.app import choices, lanes
from sidecar.app.keeper import Keeper
from sidecar.redact import Secret
from sidecar.session.answer import Failure, Grant, Kind
from sidecar.session.dialect_file import load
from sidecar.session.endpoint import Desk, HttpTokenEndpoint
from sidecar.session.token import Token
from sidecar.tls.context import client_context
from sidecar.wire.proxy import proxy
from sidecar.wire.tls import Tls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sidecar.app.lanes import Tenant

SIX = ("Content-Type", "sec-ch-ua-platform", "X-Forwarded-For", "User-Agent", "X-Tenant-ID")
PRODUCTION = load("production")
PLAIN = Tls(context=None, presented=False)
CREDENTIALS: dict[str, str | Secret | bool | None] = {
    "username": "u",
    "password": Secret("pass-of-u"),
    "customer_id": "c",
    "customer_secret": Secret("secret-of-c"),
    "account_type": "b2b",
    "grant_type": "password",
}
TOKEN = Token(value=Secret("session-token-1"), expires_at=10.0, renew_at=9.0, window=1.0)
GOOD = json.dumps({"userSessionToken": "opaque-session-token", "expires_in": 60}).encode()


async def tenant_of(files: Files) -> Tenant:
    def build() -> Tenant:
        config = files.read()
        (ready,) = choices.ready(config, {})
        keeper = Keeper(config, {}, ready.standing, lambda _: None)
        return lanes.build(config, keeper, ready.dialect, ready.chosen, emit=lambda _: None, jitter=lambda: 0.0)

    return await asyncio.to_thread(build)


def endpoint(origin: str, tls: Tls = PLAIN, *, connect: float = 2.0, response: float = 2.0) -> HttpTokenEndpoint:
    desk = Desk(
        origin=origin,
        dialect=PRODUCTION,
        fields=lambda: ((b"Content-Type", b"application/json"),),
        tls=lambda: tls,
        connect=connect,
        response=response,
    )
    return HttpTokenEndpoint(desk, CREDENTIALS, clock=lambda: 5.0, utc_now=lambda: 0.0)


@contextlib.asynccontextmanager
async def answering(reply: bytes, *, pause: float = 0.0, hold: bool = False) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Answer every request with exact bytes after a pause, then close, or hold the connection; yield what came too."""
    heard: list[bytes] = []
    open_ones: set[asyncio.StreamWriter] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or b"0")
        heard.append(head + await reader.readexactly(size))
        await asyncio.sleep(pause)
        writer.write(reply)
        with contextlib.suppress(OSError):
            await writer.drain()
            if hold:
                await reader.read(1)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard
        for writer in open_ones:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def http(body: bytes, status: str = "200 OK", *fields: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def login(one: HttpTokenEndpoint) -> Grant | Failure:
    async with one:
        return (await one.login()).outcome


async def failed(one: HttpTokenEndpoint) -> Failure:
    outcome = await login(one)
    assert isinstance(outcome, Failure)
    return outcome


# ── at the emulator ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_login_carries_the_required_fields_the_body_and_the_certificate(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files:
        files.add("session", 'client_ip = "10.9.8.7"')
        tenant = await tenant_of(files)
        assert isinstance(await login(tenant.endpoint), Grant)
        (seen,) = files.emulator.seen
        account = files.emulator.account
        body = {
            "username": account.username,
            "password": account.password.reveal(),
            "customerId": account.customer_id,
            "customerSecret": account.customer_secret.reveal(),
            "accountType": "b2b",
            "grantType": "password",
        }
        assert [len(seen.values(name)) for name in SIX] == [1, 1, 1, 1, 1]
        assert seen.values("X-Forwarded-For") == ["10.9.8.7"]
        assert seen.values("X-Tenant-ID") == ["1234567"]
        assert seen.values("Authorization") == []
        assert seen.client_certificate == "organizationName=8812345,commonName=finhub-sidecar"
        assert seen.body_sha256 == hashlib.sha256(json.dumps(body).encode()).hexdigest()
        assert files.emulator.counts.connections == 1


@pytest.mark.parametrize(
    "rule", ['{ value = "{caller.ip}", when = "always" }', '{ value = "1.1.1.1", when = "append" }']
)
async def test_our_own_calls_are_always_forwarded_for_the_configured_address(tmp_path: Path, rule: str) -> None:
    async with finhub(tmp_path) as files:
        files.add("session", 'client_ip = "10.9.8.7"')
        files.add("fields", f"X-Forwarded-For = {rule}")
        tenant = await tenant_of(files)
        assert isinstance(await login(tenant.endpoint), Grant)
        assert files.emulator.seen[0].values("X-Forwarded-For") == ["10.9.8.7"]


async def test_a_refresh_and_a_logout_go_with_the_session_and_without_client_credentials(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files:
        tenant = await tenant_of(files)
        async with tenant.endpoint as one:
            grant = (await one.login()).outcome
            assert isinstance(grant, Grant)
            assert grant.token is not None
            token = Token(
                value=grant.token,
                expires_at=9e9,
                renew_at=8e9,
                window=1.0,
                refresh_token=grant.refresh_token,
                internal_token_key=grant.internal_token_key,
            )
            refreshed = await one.refresh(token)
            assert refreshed is not None
            assert isinstance(refreshed.outcome, Grant)
            await one.logout(token)
        counts = files.emulator.counts
        assert (counts.refreshes_unchanged, counts.logouts) == (1, 1)
        for seen in files.emulator.seen[1:]:
            assert [len(seen.values(name)) for name in (*SIX, "Authorization")] == [1, 1, 1, 1, 1, 1]


async def test_where_the_dialect_has_no_refresh_nothing_is_sent(tmp_path: Path) -> None:
    async with finhub(tmp_path, environment="playground") as files:
        tenant = await tenant_of(files)
        async with tenant.endpoint as one:
            assert await one.refresh(TOKEN) is None
        assert files.emulator.seen == []


# ── what can go wrong ───────────────────────────────────────────────────────────────────────────────────────────


async def test_the_moment_of_sending_is_told_by_the_steady_clock() -> None:
    async with answering(http(GOOD)) as (origin, _), endpoint(origin) as one:
        exchange = await one.login()
    assert exchange.sent_at == 5.0
    assert isinstance(exchange.outcome, Grant)


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (b"", "connection_terminated"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "connection_terminated"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf", "connection_terminated"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "http_protocol_error"),
        (http(b"no JSON"), "http_protocol_error"),
        (http(bytes((1 << 20) + 1)), "http_protocol_error"),
        (http(b"", "503 Busy"), "destination_unavailable"),
    ],
    ids=["closed", "cut", "cut in a chunk", "no HTTP", "no JSON", "too large", "503"],
)
async def test_what_is_no_answer_is_transient_and_named(reply: bytes, cause: str) -> None:
    async with answering(reply) as (origin, heard):
        failure = await failed(endpoint(origin))
    assert (failure.kind, failure.cause, failure.retry_after) == (Kind.TRANSIENT, cause, None)
    assert len(heard) == 1
    assert failure.remedy


async def test_a_reply_of_a_mebibyte_is_still_read() -> None:
    body = GOOD[:-1] + b',"padding":"' + b"x" * ((1 << 20) - len(GOOD) - 13) + b'"}'
    async with answering(http(body)) as (origin, _):
        assert len(body) == 1 << 20
        assert isinstance(await login(endpoint(origin)), Grant)


async def test_a_larger_reply_is_not_read_to_its_end() -> None:
    endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"100000\r\n" + bytes(1 << 20) + b"\r\n1\r\nx"
    async with answering(endless, hold=True) as (origin, _):
        failure = await failed(endpoint(origin, response=10.0))
    assert "exceeds 1048576 bytes" in failure.detail


@pytest.mark.parametrize(
    "reply", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"], ids=["before the head", "in the body"]
)
async def test_a_reply_that_does_not_come_to_an_end_is_not_waited_for(reply: bytes) -> None:
    began = asyncio.get_running_loop().time()
    async with answering(reply, hold=True) as (origin, _):
        failure = await failed(endpoint(origin, connect=0.2, response=0.2))
    assert asyncio.get_running_loop().time() - began < 2.0
    assert (failure.kind, failure.cause) == (Kind.TRANSIENT, "connection_read_timeout")


async def test_where_nobody_listens_that_is_said(unused_tcp_port: int) -> None:
    failure = await failed(endpoint(f"http://127.0.0.1:{unused_tcp_port}"))
    assert (failure.kind, failure.cause) == (Kind.TRANSIENT, "connection_refused")
    assert f"127.0.0.1:{unused_tcp_port}" in failure.detail


async def test_a_name_that_does_not_resolve_is_said() -> None:
    failure = await failed(endpoint("http://finhub.invalid"))
    assert (failure.kind, failure.cause) == (Kind.TRANSIENT, "dns_error")


async def test_a_redirect_is_not_followed_with_our_credentials() -> None:
    async with contextlib.AsyncExitStack() as stack:
        elsewhere, stolen = await stack.enter_async_context(answering(http(b"")))
        redirect = http(b"", "307 Temporary Redirect", f"Location: {elsewhere}/")
        origin, heard = await stack.enter_async_context(answering(redirect))
        failure = await failed(endpoint(origin))
    assert (failure.status, len(heard), stolen) == (307, 1, [])


async def test_a_cookie_is_not_kept() -> None:
    async with (
        answering(http(GOOD, "200 OK", "Set-Cookie: session=stolen")) as (origin, heard),
        endpoint(origin) as one,
    ):
        await one.login()
        await one.login()
    assert len(heard) == 2
    assert b"cookie" not in heard[1].lower()


async def test_a_failed_call_is_not_repeated_by_the_library(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files:
        files.emulator.fault("login:close")
        tenant = await tenant_of(files)
        failure = await failed(tenant.endpoint)
        assert (failure.kind, failure.cause) == (Kind.TRANSIENT, "connection_terminated")
        assert files.emulator.counts.login_attempts == 1


@pytest.mark.parametrize(
    "reply", [b"", b"HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n", http(b"{"), b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"]
)
async def test_no_failure_shows_what_was_sent(reply: bytes) -> None:
    """The library's own exceptions hold the request with its fields: the bearer token of a refresh among them."""
    async with answering(reply) as (origin, _), endpoint(origin) as one:
        exchange = await one.refresh(TOKEN)
        assert exchange is not None
        outcomes = [exchange.outcome, (await one.login()).outcome]
    for outcome in outcomes:
        assert isinstance(outcome, Failure)
        for secret in ("session-token-1", "pass-of-u", "secret-of-c", "Bearer"):
            assert secret not in repr(outcome)


# ── TLS ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """What a client has that trusts the authority and has no certificate to present."""
    return client_context(None, authority.cert_pem.bytes())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("presented", [True, False])
async def test_a_refused_client_certificate_is_named_under_every_version(
    authority: trustme.CA, trusting: ssl.SSLContext, version: ssl.TLSVersion, *, presented: bool
) -> None:
    context = server_context(authority.issue_cert("localhost"), version, clients=authority.cert_pem.bytes())
    with serving(context) as server:
        tls = Tls(trusting, presented=presented)  # none is sent: the words depend on whether one is configured
        failure = await failed(endpoint(f"https://localhost:{server.port}", tls))
    assert (failure.kind, failure.cause) == (Kind.TRANSIENT, "tls_alert_received")
    assert ("refused our client certificate" in failure.detail) == presented
    assert ("none is configured" in failure.detail) != presented


async def test_of_a_lost_connection_another_one_is_asked_whether_our_certificate_is_why(
    authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    """Under TLS 1.3 the reset that answers our request often overtakes the alert."""
    context = await asyncio.to_thread(server_context, authority.issue_cert("localhost"), ssl.TLSVersion.TLSv1_3)
    connections = []

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context) as server:
        origin = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        failure = await failed(endpoint(origin, Tls(trusting, presented=True)))
    assert (failure.kind, failure.cause) == (Kind.TRANSIENT, "tls_alert_received")
    assert len(connections) == 2


async def test_a_server_that_is_not_trusted_is_named(trusting: ssl.SSLContext) -> None:
    stranger = server_context(trustme.CA().issue_cert("localhost"), ssl.TLSVersion.TLSv1_3)
    with serving(stranger) as server:
        failure = await failed(endpoint(f"https://localhost:{server.port}", Tls(trusting, presented=False)))
    assert (failure.kind, failure.cause) == (Kind.TRANSIENT, "tls_certificate_error")


async def test_a_new_context_is_used_by_the_very_next_call(authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    context = server_context(authority.issue_cert("localhost"), ssl.TLSVersion.TLSv1_3)
    with serving(context) as server:
        in_use = [Tls(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), presented=False), Tls(trusting, presented=False)]
        desk = Desk(
            origin=f"https://localhost:{server.port}",
            dialect=PRODUCTION,
            fields=tuple,
            tls=lambda: in_use.pop(0),
            connect=2.0,
            response=2.0,
        )
        async with HttpTokenEndpoint(desk, CREDENTIALS, clock=lambda: 0.0, utc_now=lambda: 0.0) as one:
            untrusted, trusted = (await one.login()).outcome, (await one.login()).outcome
    assert isinstance(untrusted, Failure)
    assert isinstance(trusted, Failure)
    assert (untrusted.cause, trusted.cause) == ("tls_certificate_error", "http_protocol_error")


# ── refusals whose body does not come whole ─────────────────────────────────────────────────────────────────────

CUT_401 = b'HTTP/1.1 401 Unauthorized\r\nContent-Length: 500\r\n\r\n{"code":401,'
CUT_429 = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 500\r\n\r\n{"
LARGE_401 = http(b"x" * (2 << 20), "401 Unauthorized")


@pytest.mark.parametrize(
    ("reply", "hold", "kind", "retry_after"),
    [
        (CUT_401, False, Kind.FINAL, None),
        (CUT_401, True, Kind.FINAL, None),
        (LARGE_401, False, Kind.FINAL, None),
        (CUT_429, False, Kind.THROTTLED, 7.0),
    ],
    ids=["broken off", "stalled", "too large", "broken off, with Retry-After"],
)
async def test_a_refusal_is_one_by_its_status_however_its_body_ends(
    reply: bytes,
    hold: bool,  # noqa: FBT001  # a row of the table
    kind: Kind,
    retry_after: float | None,
) -> None:
    """Taken for a network failure, rejected credentials would be sent again within seconds, and lock the account."""
    async with answering(reply, hold=hold) as (origin, heard):
        failure = await failed(endpoint(origin))
    assert (failure.kind, failure.retry_after, len(heard)) == (kind, retry_after, 1)


# ── through a proxy ─────────────────────────────────────────────────────────────────────────────────────────────


def by_way_of(one: HttpTokenEndpoint, url: str, password: str = "") -> HttpTokenEndpoint:
    known = (Secret("shop"), Secret(password)) if password else (None, None)
    one.proxy = proxy(url, *known)
    return one


async def test_a_login_goes_through_the_proxys_tunnel_and_its_credentials_no_further(
    authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    context = server_context(authority.issue_cert("localhost"), ssl.TLSVersion.TLSv1_3)
    async with origin.serving(origin.replying(http(GOOD)), context) as there, origin.serving(tunnelling()) as between:
        one = by_way_of(endpoint(there.url, Tls(trusting, presented=False)), between.url, "pass-word")
        assert isinstance(await login(one), Grant)
        (asked,) = between.requests
        assert asked.line == b"CONNECT localhost:%d HTTP/1.1" % there.port
        assert asked.get(b"Proxy-Authorization") == [b"Basic c2hvcDpwYXNzLXdvcmQ="]
        assert asked.get(b"User-Agent") == [b"finhub-sidecar"]
        assert there.requests[0].get(b"Proxy-Authorization") == []


@pytest.mark.parametrize(
    ("answer", "kind", "cause"),
    [
        (b"HTTP/1.1 403 Filtered\r\n\r\n", Kind.TRANSIENT, "connection_refused"),
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", Kind.FINAL, "proxy_configuration_error"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", Kind.TRANSIENT, "destination_unavailable"),
        (b"SSH-2.0\r\n\r\n", Kind.TRANSIENT, "http_protocol_error"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", Kind.TRANSIENT, "http_protocol_error"),
    ],
)
async def test_a_proxys_refusal_has_its_name_and_is_final_only_where_credentials_may_lock(
    trusting: ssl.SSLContext, answer: bytes, kind: Kind, cause: str
) -> None:
    async with origin.serving(proxying.answering(answer)) as between:
        one = by_way_of(endpoint("https://finhub.test", Tls(trusting, presented=False)), between.url, "pass-word")
        failure = await failed(one)
        assert (failure.kind, failure.cause, len(between.requests)) == (kind, cause, 1)
        if kind is Kind.FINAL:
            assert "upstream.proxy_password" in failure.remedy


async def test_a_proxy_that_is_not_there_or_silent_is_named(trusting: ssl.SSLContext) -> None:
    tls = Tls(trusting, presented=False)
    async with origin.serving(proxying.answering()) as between:
        silent = await failed(by_way_of(endpoint("https://finhub.test", tls, connect=0.2), between.url))
    assert silent.cause == "connection_timeout"
    assert f"through the proxy {between.url} within 0.2 s" in silent.detail
    gone = await failed(by_way_of(endpoint("https://finhub.test", tls), between.url))
    assert (gone.cause, gone.detail) == ("connection_refused", f"the proxy {between.url}: nobody listens there")


async def test_what_finhub_says_in_the_tunnel_is_told_as_finhubs(
    authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    strict = server_context(
        authority.issue_cert("localhost"), ssl.TLSVersion.TLSv1_3, clients=authority.cert_pem.bytes()
    )
    async with origin.serving(origin.silent, strict) as there, origin.serving(tunnelling()) as between:
        one = by_way_of(endpoint(there.url, Tls(trusting, presented=False)), between.url)
        assert (await failed(one)).cause == "tls_alert_received"
        assert {asked.target for asked in between.requests} == {b"localhost:%d" % there.port}


async def test_why_a_login_was_lost_is_asked_through_the_proxy_as_well(
    authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    context = server_context(authority.issue_cert("finhub.test"), ssl.TLSVersion.TLSv1_3)
    async with (
        origin.serving(origin.cutting(), context) as there,
        origin.serving(tunnelling(to=there.port)) as between,
    ):
        one = by_way_of(endpoint("https://finhub.test", Tls(trusting, presented=False)), between.url)
        assert (await failed(one)).cause == "connection_terminated"
        assert [asked.target for asked in between.requests] == [b"finhub.test:443"] * 2
        assert len(there.requests) == 1
