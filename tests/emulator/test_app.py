from __future__ import annotations

import asyncio
import json
import socket
import ssl
from typing import TYPE_CHECKING

import aiohttp
import pytest
from finhub import FIELDS, Client, client_context

from sidecar.emulator import Emulator, Settings
from sidecar.errors import ConfigError, ListenError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from sidecar.emulator.sessions import Session

    Start = Callable[..., Awaitable[Client]]


async def curl(*arguments: str) -> tuple[int, bytes]:
    process = await asyncio.create_subprocess_exec(
        "curl", "--silent", "--show-error", "--max-time", "10", *arguments, stdout=-1, stderr=-1
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output


async def handshake(emulator: Emulator, context: ssl.SSLContext) -> bytes:
    """Return the first bytes of a reply; under TLS 1.3 a refusal shows at the first read only."""
    reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port, ssl=context)
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return await reader.read(12)
    finally:
        writer.close()


def fields(**more: str) -> list[str]:
    return [word for name, value in {**FIELDS, **more}.items() for word in ("--header", f"{name}: {value}")]


async def test_curl_logs_in_and_reads_a_balance_over_mutual_tls(start: Start, tmp_path: Path) -> None:
    client = await start()
    folder = tmp_path / str(client.emulator.port)
    pair = ("--cacert", f"{folder}/ca.crt", "--cert", f"{folder}/client.crt", "--key", f"{folder}/client.key")
    login = json.dumps(client.login_form())
    status, reply = await curl(*pair, *fields(), "--data", login, f"{client.emulator.url}/api/v2/auth/token")
    assert status == 0
    token = json.loads(reply)["userSessionToken"]
    status, reply = await curl(
        *pair, *fields(Authorization=f"Bearer {token}"), f"{client.emulator.url}/api/v2.1/wallets/1/balance"
    )
    assert (status, json.loads(reply)["success"]) == (0, True)
    assert {seen.client_certificate for seen in client.emulator.seen} == {
        "organizationName=8812345,commonName=finhub-sidecar"
    }


async def test_production_refuses_the_handshake_of_who_has_no_certificate(start: Start) -> None:
    client = await start()
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
        await handshake(client.emulator, client_context(client.emulator, None))
    assert client.emulator.seen == []


async def test_production_refuses_the_certificate_of_another_authority(start: Start, tmp_path: Path) -> None:
    client = await start()
    stranger = Emulator()
    await stranger.write(tmp_path / "stranger")
    with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
        await handshake(client.emulator, client_context(client.emulator, tmp_path / "stranger"))


async def test_nothing_below_tls_1_2_is_spoken(start: Start, tmp_path: Path) -> None:
    client = await start()
    context = client_context(client.emulator, tmp_path / str(client.emulator.port))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.options &= ~ssl.OP_NO_TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await handshake(client.emulator, context)


async def test_integration_takes_callers_with_and_without_a_certificate(start: Start) -> None:
    client = await start(environment="integration")
    assert (await client.log_in()).json["expires_in"] == 3600
    assert await handshake(client.emulator, client_context(client.emulator, None)) == b"HTTP/1.1 400"
    assert [seen.client_certificate is None for seen in client.emulator.seen] == [False, True]


async def test_the_playground_is_plain_http(start: Start) -> None:
    client = await start(environment="playground")
    assert client.emulator.url == f"http://localhost:{client.emulator.port}"
    assert (await client.log_in("/api/v2/auth/sandbox/token")).status == 200
    assert client.emulator.seen[-1].client_certificate is None


async def test_the_token_lives_as_long_as_it_was_told(start: Start) -> None:
    client = await start(token_lifetime=2.5)
    assert (await client.log_in()).json["expires_in"] == 2.5
    client.emulator.advance(2.5)
    assert (await client.call("GET", "/api/echo")).status == 401


async def test_tokens_can_be_revoked_and_expired(client: Client) -> None:
    assert client.emulator.revoke() == 1
    assert (await client.call("GET", "/api/echo")).status == 401
    await client.log_in()
    assert client.emulator.expire() == 1
    assert (await client.call("GET", "/api/echo")).status == 401


async def test_it_can_be_reset(client: Client) -> None:
    client.emulator.reset()
    assert (client.emulator.counts.logins, client.emulator.seen) == (0, [])


async def test_stopped_and_started_again_it_is_the_same_finhub(client: Client) -> None:
    url, admin_url = client.emulator.url, client.emulator.admin_url
    await client.emulator.stop()
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.call("GET", "/api/echo")
    await client.emulator.start()
    assert (client.emulator.url, client.emulator.admin_url) == (url, admin_url)
    assert (await client.call("GET", "/api/echo")).status == 200


@pytest.mark.parametrize("door", ["port", "admin_port"])
async def test_a_port_in_use_is_named_and_neither_door_stays_open(door: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        emulator = Emulator(Settings(**{door: port}))
        with pytest.raises(ListenError, match=f":{port}: the port is in use"):
            await emulator.start()
    if door == "admin_port":
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", emulator.port)


async def test_a_wrong_fault_is_told(client: Client) -> None:
    with pytest.raises(ConfigError):
        client.emulator.fault("api:explode")


async def test_nothing_is_logged_and_nothing_printed(
    client: Client, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG", logger="aiohttp")
    await client.call("GET", "/api/echo")
    await client.log_in(password="wrong")
    assert [record for record in caplog.records if record.name.startswith("aiohttp")] == []
    assert capfd.readouterr() == ("", "")


async def test_whoever_looks_for_leaks_is_told_of_every_new_token() -> None:
    told: list[Session] = []
    async with (
        Emulator(Settings(environment="playground"), issued=told.append) as emulator,
        aiohttp.ClientSession() as http,
    ):
        client = Client(emulator, http)
        for number in (1, 2):
            reply = await client.log_in("/api/v2/auth/sandbox/token")
            assert len(told) == number
            assert told[-1].token.reveal() == reply.json["data"]["userSessionToken"]
