from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import origin
import pytest
import trustme
from cryptography.x509.oid import ExtendedKeyUsageOID
from made import make
from operating import Files, finhub, until
from proxying import answering, tunnelling
from tlsserver import server_context, serving

from sidecar import errors
from sidecar.app import checkup, tracing
from sidecar.tls.context import client_context
from sidecar.wire import probe
from sidecar.wire.proxy import proxy
from sidecar.wire.tls import Tls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sidecar.app.checkup import Finding

DIALECTS = Path(checkup.__file__).parents[1] / "session/dialects"
CHECK = '[check]\npath = "/api/v2.1/fintrans/acc-1/balance"'


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[Files]:
    async with finhub(tmp_path) as files:
        yield files


async def local(files: Files) -> list[Finding]:
    return await asyncio.to_thread(lambda: list(checkup.local(files.read(), files.environ)))


async def remote(files: Files) -> list[Finding]:
    config = await asyncio.to_thread(files.read)
    return [finding async for finding in checkup.remote(config, files.environ)]


async def failing(files: Files) -> Finding:
    """Return the one finding that failed: the last."""
    *well, last = await remote(files)
    assert [finding.error for finding in well] == [None] * len(well)
    assert last.error is not None
    return last


# ── without the network ─────────────────────────────────────────────────────────────────────────────────────────


async def test_secrets_come_first_then_the_identity_then_what_the_dialect_needs(files: Files) -> None:
    secrets, identity, dialect, callers = await local(files)
    assert (secrets.step, secrets.detail) == ("secrets", "credentials.password, credentials.customer_secret")
    assert identity.detail.startswith("CN=finhub-sidecar,O=8812345, key matches, ")
    assert identity.notes == ()
    assert dialect.step == "dialect"
    assert dialect.detail == "production, everything it logs in with is set, tokens are renewed by refresh"
    assert (callers.step, callers.detail) == ("callers", "whoever can connect")
    assert files.emulator.counts.connections == 0


async def test_a_certificate_that_ends_soon_is_noted(files: Files) -> None:
    today = dt.datetime.now(dt.UTC)
    one = make("soon", begin=today - dt.timedelta(days=1), end=today + dt.timedelta(days=20, hours=1))
    files.put("client.crt", one.certificate_pem)
    files.put("client.key", one.key_pem)
    _, identity, *_ = await local(files)
    assert identity.notes == (
        f"the client certificate expires in 20 days, on {one.certificate.not_valid_after_utc:%Y-%m-%d}",
    )


async def test_where_spans_are_wanted_what_makes_them_must_be_there(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.add("tracing", 'endpoint = "http://127.0.0.1:4318"')
    finding = (await local(files))[-1]
    assert (finding.step, finding.detail, finding.error) == ("tracing", "spans go to http://127.0.0.1:4318", None)
    monkeypatch.setattr(tracing, "find_spec", lambda _: None)
    finding = (await local(files))[-1]
    assert (finding.step, type(finding.error)) == ("tracing", errors.ConfigError)
    assert finding.error is not None
    assert finding.error.remedy.startswith("pip install 'finhub-sidecar[otel]'")


async def test_every_unreadable_secret_is_named_and_nothing_comes_after(files: Files) -> None:
    files.put("password", "")
    (tmp := files.folder / "customer_secret").unlink()
    (finding,) = await local(files)
    assert (finding.step, type(finding.error)) == ("secrets", errors.SecretError)
    assert f"the file {tmp} cannot be read" in finding.detail
    assert len(finding.detail.splitlines()) == 2


async def test_a_key_of_another_certificate_is_found(files: Files) -> None:
    files.put("client.key", make("stranger").key_pem)
    *_, finding = await local(files)
    assert (finding.step, type(finding.error)) == ("identity", errors.IdentityError)


async def test_a_certificate_made_for_servers_is_warned_of(files: Files) -> None:
    today = dt.datetime.now(dt.UTC)
    server = make(
        "server",
        begin=today - dt.timedelta(days=1),
        end=today + dt.timedelta(days=90),
        usages=(ExtendedKeyUsageOID.SERVER_AUTH,),
    )
    files.put("client.crt", server.certificate_pem)
    files.put("client.key", server.key_pem)
    identity = (await local(files))[1]
    assert identity.error is None
    assert len(identity.notes) == 1


async def test_an_authority_file_without_one_is_a_matter_of_trust(files: Files) -> None:
    files.put("ca.crt", "nothing")
    *_, finding = await local(files)
    assert (finding.step, type(finding.error)) == ("trust", errors.ConfigError)


async def test_a_user_that_is_not_there_is_named(files: Files) -> None:
    listen = files.config.read_text().replace('address = "127.0.0.1:0"', f'address = "unix:{files.folder}/s"', 1)
    files.config.write_text(listen)
    files.add("listen", 'allowed_users = ["root", "nobody-of-that-name"]')
    finding = (await local(files))[-1]
    assert isinstance(finding.error, errors.ConfigError)
    assert "nobody-of-that-name" in finding.detail


async def test_what_the_dialect_lacks_is_named(files: Files) -> None:
    files.edit('customer_id = "demo-client"\n', "")
    *_, finding = await local(files)
    assert finding.step == "dialect"
    assert "credentials.customer_id" in finding.detail


async def test_where_no_certificate_is_demanded_none_may_be_there(tmp_path: Path) -> None:
    async with finhub(tmp_path, environment="integration") as files:
        files.edit('certificate_file = "client.crt"\nkey_file = "client.key"\n', "")
        identity = (await local(files))[1]
        assert identity.detail == "none configured, none demanded in this environment"


# ── over the network ────────────────────────────────────────────────────────────────────────────────────────────


async def test_all_is_well_and_the_session_is_ended_again(files: Files) -> None:
    found = await remote(files)
    assert [finding.step for finding in found] == [
        "DNS localhost",
        "TCP localhost",
        "TLS localhost",
        "login",
        "GET /api/v2.1/fintrans/acc-1/balance",
    ]
    assert {finding.error for finding in found} == {None}
    counts = files.emulator.counts
    assert (counts.login_attempts, counts.logins, counts.logouts, counts.api) == (1, 1, 1, 1)


async def test_it_says_which_rule_found_what_by_names_alone(files: Files) -> None:
    login = (await remote(files))[3]
    assert login.detail.startswith("a session of 1800 s (token in userSessionToken, ")
    assert "refresh_token in refreshToken" in login.detail
    assert "eyJ" not in login.detail


V21 = (
    'organization_id = "4711"',
    'user_id = "42"',
    'tenant_key = "demo-tenant-key"',
    'tenant_secret = { file = "tenant_secret" }',
)


@pytest.mark.parametrize(
    ("name", "local_words", "found"),
    [
        (
            "production",
            "tokens are renewed by refresh",
            (
                "a session of 1800 s (token in userSessionToken, expiry in expires_in, refresh_token in refreshToken, "
                "no session_id, internal_token_key in claim internalTokenKey)"
            ),
        ),
        (
            "v2.1-admin",
            "tokens are renewed by refresh",
            (
                "a session of 3600 s (token in data.token, expiry in exp - iat, refresh_token in data.refreshToken, "
                "session_id in data.sessionId, internal_token_key in claim internalTokenKey)"
            ),
        ),
        (
            "fincard",
            "tokens are renewed by login, a 401 may stand inside a 200",
            (
                "a session of 1800 s (token in accessToken, expiry in expiresIn, no refresh_token, "
                "no session_id, internal_token_key in claim internalTokenKey)"
            ),
        ),
    ],
)
async def test_each_dialect_says_how_it_renews_and_where_it_found_what(
    files: Files, name: str, local_words: str, found: str
) -> None:
    files.add("session", f'dialect = "{name}"')
    for line in V21:
        files.add("credentials", line)
    dialect = (await local(files))[2]
    assert dialect.detail == f"{name}, everything it logs in with is set, {local_words}"
    login = (await remote(files))[3]
    assert login.detail == found


async def test_a_401_inside_a_200_to_the_call_is_told_as_one(files: Files) -> None:
    files.add("session", f'dialect = "{files.folder}/inside.toml"')
    files.put(
        "inside.toml",
        (DIALECTS / "production.toml").read_text() + '[expired]\ncode_at = "code"\ncodes = [200]\n',
    )
    finding = await failing(files)
    assert (finding.step, finding.detail) == (
        "GET /api/v2.1/fintrans/acc-1/balance",
        "FinHub answered 401 inside a 200",
    )
    assert finding.error is not None
    assert "credentials.tenant_id" in finding.error.remedy
    assert files.emulator.counts.logouts == 1


async def test_wrong_credentials_are_tried_once(files: Files) -> None:
    files.put("password", "wrong")
    finding = await failing(files)
    assert (finding.step, type(finding.error)) == ("login", errors.Rejected)
    assert "401" in finding.detail
    assert finding.error is not None
    assert "credentials.password" in finding.error.remedy
    assert (files.emulator.counts.login_attempts, files.emulator.counts.rejected_logins) == (1, 1)


@pytest.mark.parametrize(
    ("fault", "kind", "remedy"),
    [
        ("login:status=403", errors.Rejected, "[identity]"),
        ("login:status=429,retry_after=30", errors.Rejected, "logs in"),
        ("login:status=400", errors.Rejected, "account_type"),
        ("login:status=503", errors.DestinationUnavailable, "support"),
        ("login:garbage", errors.DestinationUnavailable, "session.dialect"),
        ("login:close", errors.DestinationUnavailable, ""),
    ],
)
async def test_what_FinHub_says_to_the_login_is_told_apart(  # noqa: N802  # its name
    files: Files, fault: str, kind: type[errors.SidecarError], remedy: str
) -> None:
    files.emulator.fault(fault)
    finding = await failing(files)
    assert (finding.step, type(finding.error)) == ("login", kind)
    assert finding.error is not None
    assert remedy in finding.error.remedy
    assert files.emulator.counts.login_attempts == 1


@pytest.mark.parametrize(
    ("fault", "kind", "remedy"),
    [
        ("api:status=401", errors.Rejected, "credentials.tenant_id"),
        ("api:status=403", errors.Rejected, "[identity]"),
        ("api:status=404", errors.Rejected, "check.path"),
        ("api:status=429", errors.Rejected, "fewer"),
        ("api:status=500", errors.DestinationUnavailable, "check.path"),
        ("api:close", errors.ConnectionTerminated, ""),
    ],
)
async def test_what_FinHub_says_to_the_call_is_told_apart_and_the_session_ended_all_the_same(  # noqa: N802  # its name
    files: Files, fault: str, kind: type[errors.SidecarError], remedy: str
) -> None:
    files.emulator.fault(fault)
    finding = await failing(files)
    assert finding.step == "GET /api/v2.1/fintrans/acc-1/balance"
    assert isinstance(finding.error, kind)
    assert remedy in finding.error.remedy
    assert (files.emulator.counts.logins, files.emulator.counts.logouts) == (1, 1)


async def test_a_certificate_that_a_terminator_misses_is_told_in_its_reply(tmp_path: Path) -> None:
    page = b"<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>\r\n</html>\r\n"

    async def nginx(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(1):
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%b" % (len(page), page))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(nginx, "127.0.0.1", 0)
    async with server, finhub(tmp_path, environment="playground") as files:
        url = files.emulator.url
        files.edit(f'url = "{url}"', f'url = "http://127.0.0.1:{server.sockets[0].getsockname()[1]}"')
        files.add("session", f'url = "{url}"')
        finding = await failing(files)
    assert isinstance(finding.error, errors.Rejected)
    assert finding.detail == "FinHub answered 400 to the call: it refused the client certificate, or missed one"
    assert "[identity]" in finding.error.remedy


async def test_without_a_path_to_check_there_is_no_call(files: Files) -> None:
    files.edit(CHECK, "")
    assert [finding.step for finding in await remote(files)][-1] == "login"
    assert files.emulator.counts.api == 0


async def test_a_closed_port_is_found_before_tls(files: Files) -> None:
    await files.emulator.stop()
    finding = await failing(files)
    assert (finding.step, type(finding.error)) == ("TCP localhost", errors.ConnectionRefused)


async def test_a_name_that_does_not_resolve_is_found_first(files: Files) -> None:
    files.edit(f'url = "{files.emulator.url}"', 'url = "https://finhub.invalid"')
    (finding,) = await remote(files)
    assert (finding.step, type(finding.error)) == ("DNS finhub.invalid", errors.DnsError)
    assert files.emulator.counts.connections == 0


async def test_a_certificate_of_an_unknown_authority_is_found_at_tls(files: Files) -> None:
    files.put("ca.crt", trustme.CA().cert_pem.bytes())
    finding = await failing(files)
    assert (finding.step, type(finding.error)) == ("TLS localhost", errors.TlsCertificateError)
    assert finding.error is not None
    assert "upstream.ca_file" in finding.error.remedy
    assert files.emulator.counts.login_attempts == 0


async def test_another_origin_for_the_token_endpoint_is_reached_first_and_both_are(files: Files) -> None:
    files.add("session", f'url = "https://127.0.0.1:{files.emulator.port}"')
    steps = [finding.step for finding in await remote(files)]
    assert steps[:6] == [f"{step} {host}" for host in ("127.0.0.1", "localhost") for step in ("DNS", "TCP", "TLS")]


async def test_plain_http_has_no_tls_step(tmp_path: Path) -> None:
    async with finhub(tmp_path, environment="playground") as files:
        steps = [finding.step for finding in await remote(files)]
        assert steps[:3] == ["DNS localhost", "TCP localhost", "login"]


async def test_a_refused_client_certificate_is_found_at_tls_with_no_login(files: Files) -> None:
    today = dt.datetime.now(dt.UTC)
    stranger = make("stranger", begin=today - dt.timedelta(days=1), end=today + dt.timedelta(days=90))
    files.put("client.crt", stranger.certificate_pem)
    files.put("client.key", stranger.key_pem)
    finding = await failing(files)
    assert (finding.step, type(finding.error)) == ("TLS localhost", errors.TlsAlertReceived)
    assert "refused our client certificate" in finding.detail
    assert files.emulator.counts.login_attempts == 0


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """What a client has that trusts the authority and has no certificate to present."""
    return client_context(None, authority.cert_pem.bytes())


@pytest.mark.parametrize("presented", [True, False])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_demanded_certificate_is_missed_at_tls_under_every_version(
    authority: trustme.CA, trusting: ssl.SSLContext, version: ssl.TLSVersion, *, presented: bool
) -> None:
    context = server_context(authority.issue_cert("localhost"), version, clients=authority.cert_pem.bytes())
    with serving(context) as server:
        tls = Tls(trusting, presented=presented)
        reached = [one async for one in checkup.reach(f"https://localhost:{server.port}", tls, 5.0)]
    finding = reached[-1]
    assert (finding.step, type(finding.error)) == ("TLS localhost", errors.TlsAlertReceived)
    assert ("refused our client certificate" in finding.detail) == presented
    assert ("none is configured" in finding.detail) != presented


async def test_a_server_that_hangs_up_on_a_new_connection_is_suspected_of_refusing_the_certificate(
    authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    context = await asyncio.to_thread(server_context, authority.issue_cert("localhost"), ssl.TLSVersion.TLSv1_3)

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        tls = Tls(trusting, presented=True)
        *_, finding = [one async for one in checkup.reach(f"https://localhost:{port}", tls, 5.0)]
    assert isinstance(finding.error, errors.TlsAlertReceived)


async def test_a_port_that_speaks_no_tls_is_named(trusting: ssl.SSLContext) -> None:
    with serving(None) as server:
        tls = Tls(trusting, presented=False)
        *_, finding = [one async for one in checkup.reach(f"https://localhost:{server.port}", tls, 5.0)]
    assert (finding.step, type(finding.error)) == ("TLS localhost", errors.TlsError)


async def test_a_step_is_not_waited_for_longer_than_for_a_connection(trusting: ssl.SSLContext) -> None:
    gone: list[asyncio.StreamWriter] = []

    async def keep_quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read()
        await probe.hang_up(writer)
        gone.append(writer)

    server = await asyncio.start_server(keep_quiet, "127.0.0.1", 0)
    async with server:
        tls = Tls(trusting, presented=False)
        port = server.sockets[0].getsockname()[1]
        *_, finding = [one async for one in checkup.reach(f"https://127.0.0.1:{port}", tls, 0.2)]
        await until(lambda: len(gone) == 2)
    assert (finding.step, type(finding.error)) == ("TLS 127.0.0.1", errors.ConnectionTimeout)


# ── through a proxy ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_way_through_a_proxy_is_checked_step_by_step(files: Files) -> None:
    async with origin.serving(tunnelling()) as between:
        files.add("upstream", f'proxy = "http://localhost:{between.port}"')
        found = await remote(files)
    assert [finding.step for finding in found] == [
        "DNS localhost",
        "TCP localhost",
        "proxy localhost",
        "TLS localhost",
        "login",
        "GET /api/v2.1/fintrans/acc-1/balance",
    ]
    assert {finding.error for finding in found} == {None}
    assert found[2].detail == f"opens a tunnel to localhost:{files.emulator.port}"
    assert {asked.target for asked in between.requests if asked.head} == {b"localhost:%d" % files.emulator.port}
    assert (files.emulator.counts.logins, files.emulator.counts.api) == (1, 1)


async def test_behind_a_proxy_finhubs_name_need_not_resolve_here(files: Files) -> None:
    files.edit(f'url = "{files.emulator.url}"', 'url = "https://finhub.invalid"')
    async with origin.serving(answering(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")) as between:
        files.add("upstream", f'proxy = "http://127.0.0.1:{between.port}"')
        finding = await failing(files)
    assert (finding.step, type(finding.error)) == ("proxy 127.0.0.1", errors.DestinationUnavailable)
    assert "cannot reach finhub.invalid:443 (it answered 502)" in finding.detail


async def test_wrong_credentials_for_the_proxy_are_found_before_any_login(files: Files) -> None:
    files.put("user", "shop")
    files.put("pass", "proxy-pass-word")
    async with origin.serving(answering(b"HTTP/1.1 407 Who\r\n\r\n")) as between:
        for line in (
            f'proxy = "http://127.0.0.1:{between.port}"',
            'proxy_user = { file = "user" }',
            'proxy_password = { file = "pass" }',
        ):
            files.add("upstream", line)
        finding = await failing(files)
    assert (finding.step, type(finding.error)) == ("proxy 127.0.0.1", errors.ProxyCredentialsRefused)
    assert finding.error is not None
    assert "upstream.proxy_password" in finding.error.remedy
    assert len([asked for asked in between.requests if asked.head]) == 1
    assert files.emulator.counts.connections == 0


@pytest.mark.parametrize(
    ("url", "step", "kind"),
    [
        ("http://proxy.invalid:3128", "DNS proxy.invalid", errors.DnsError),
        ("http://127.0.0.1:9", "TCP 127.0.0.1", errors.ConnectionRefused),
    ],
)
async def test_a_proxy_that_is_not_there_is_named_as_the_proxy(
    files: Files, url: str, step: str, kind: type[errors.SidecarError]
) -> None:
    files.add("upstream", f'proxy = "{url}"')
    finding = await failing(files)
    assert (finding.step, type(finding.error)) == (step, kind)
    assert finding.error is not None
    assert f"the proxy {url}" in finding.detail
    assert "upstream.proxy" in finding.error.remedy


async def test_a_proxy_that_is_silent_is_given_up_in_time() -> None:
    nobody = Tls(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), presented=False)
    async with origin.serving(answering()) as between:
        way = proxy(between.url, None, None)
        *_, finding = [one async for one in checkup.reach("https://finhub.test", nobody, 0.1, way)]
    assert (finding.step, type(finding.error)) == ("proxy localhost", errors.ConnectionTimeout)
