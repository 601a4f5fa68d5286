from __future__ import annotations

import asyncio
import hashlib
import time
from typing import TYPE_CHECKING

import aiohttp
import pytest

from sidecar.emulator import fingerprint
from sidecar.emulator.fields import REQUIRED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from finhub import Client, FakeClock

BALANCE = "/api/v2.1/fintrans/acc-1/balance"


@pytest.mark.parametrize("name", REQUIRED)
async def test_every_call_needs_the_required_fields(client: Client, name: str) -> None:
    reply = await client.call("GET", BALANCE, without=name)
    assert (reply.status, reply.json["data"]["field"]) == (400, name)


@pytest.mark.parametrize("name", REQUIRED)
async def test_so_does_the_login(start: Callable[..., Awaitable[Client]], name: str) -> None:
    client = await start()
    del client.defaults[name]
    reply = await client.log_in()
    assert (reply.status, reply.json["data"]["field"]) == (400, name)


async def test_a_call_without_a_token_is_401(client: Client) -> None:
    reply = await client.call("GET", BALANCE, without="Authorization")
    assert (reply.status, reply.json["data"]["field"]) == (401, "Authorization")


async def test_a_garbage_token_is_401(client: Client) -> None:
    assert (await client.call("GET", BALANCE, Authorization="Bearer garbage")).status == 401


async def test_an_expired_token_is_told_so(client: Client, clock: FakeClock) -> None:
    clock.time += 1800
    reply = await client.call("GET", BALANCE)
    assert (reply.status, reply.json["code"]) == (401, 401)
    assert reply.json["message"] == "The access token has expired, please authenticate again"
    assert client.emulator.counts.unauthorized == 1


async def test_another_tenant_is_403(client: Client) -> None:
    assert (await client.call("GET", BALANCE, X_Tenant_ID="7654321")).status == 403


async def test_the_record_shows_the_certificate_the_fields_and_no_secret(client: Client) -> None:
    await client.call("POST", "/api/echo?token=abc", content=b"hello")
    seen = client.emulator.seen[-1]
    assert (seen.method, seen.path, seen.status, seen.scope) == ("POST", "/api/echo", 200, "api")
    assert seen.client_certificate == "organizationName=8812345,commonName=finhub-sidecar"
    assert seen.values("authorization") == [f"Bearer {fingerprint(client.token)}"]
    assert (seen.body_length, seen.body_sha256) == (5, hashlib.sha256(b"hello").hexdigest())
    assert client.token not in repr(client.emulator.seen)
    assert "abc" not in seen.query


async def test_a_refused_call_is_on_record_with_its_small_body(client: Client) -> None:
    await client.call("POST", "/api/sink", without="Authorization", content=b"hello")
    seen = client.emulator.seen[-1]
    assert (seen.status, seen.body_sha256) == (401, hashlib.sha256(b"hello").hexdigest())


async def test_a_large_body_is_refused_before_it_came(client: Client) -> None:
    reply = await client.call("POST", "/api/sink", without="Authorization", content=bytes(100_000))
    assert (reply.status, client.emulator.seen[-1].body_length) == (401, 0)


async def test_a_caller_that_leaves_in_the_middle_of_its_body_harms_nothing(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    fields = {**client.defaults, "Authorization": f"Bearer {client.token}"}

    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        await asyncio.sleep(60)

    with pytest.raises(asyncio.TimeoutError):
        await client.http.post(
            f"{client.emulator.url}/api/sink", data=half(), headers=fields, timeout=aiohttp.ClientTimeout(total=0.1)
        )
    assert (await client.call("GET", BALANCE)).status == 200
    assert client.emulator.counts.abandoned == 1
    assert caplog.records == []


# ── faults ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_status_on_demand_wears_out(start: Callable[..., Awaitable[Client]]) -> None:
    client = await start(faults=("login:status=500,times=2",))
    assert [(await client.log_in()).status for _ in range(3)] == [500, 500, 200]
    counts = client.emulator.counts
    assert (counts.login_attempts, counts.logins, counts.rejected_logins) == (3, 1, 0)
    assert client.emulator.seen[0].fault == "login:status=500,times=2"


async def test_a_429_on_demand_says_when(client: Client) -> None:
    client.emulator.fault("login:status=429,retry_after=3")
    reply = await client.log_in()
    assert (reply.status, reply.fields["Retry-After"]) == (429, "3")


async def test_an_api_that_always_says_401(client: Client) -> None:
    client.emulator.fault("api:status=401")
    replies = [await client.call("GET", BALANCE) for _ in range(2)]
    assert [reply.status for reply in replies] == [401, 401]
    assert "expired" in replies[0].json["message"]
    assert (client.emulator.counts.api, client.emulator.counts.unauthorized) == (2, 2)


async def test_a_fault_on_one_path_leaves_the_others_alone(client: Client) -> None:
    client.emulator.fault("api:status=403,path=/api/v2.1/*")
    assert (await client.call("GET", BALANCE)).status == 403
    assert (await client.call("GET", "/api/echo")).status == 200


async def test_a_refresh_can_be_made_to_be_unknown(client: Client) -> None:
    client.emulator.fault("refresh:status=404")
    assert (await client.refresh()).status == 404


async def test_a_delay_delays_and_then_answers(client: Client) -> None:
    client.emulator.fault("login:delay=0.1")
    began = time.monotonic()
    assert (await client.log_in()).status == 200
    assert time.monotonic() - began >= 0.1


async def test_garbage_is_a_200_that_no_parser_takes(client: Client) -> None:
    client.emulator.fault("login:garbage")
    reply = await client.call("POST", "/api/v2/auth/token", content=client.login_form())
    assert reply.status == 200
    with pytest.raises(ValueError, match="Expecting value"):
        _ = reply.json


async def test_a_close_leaves_no_byte_of_reply(client: Client) -> None:
    client.emulator.fault("api:close")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await client.call("POST", BALANCE)
    assert client.emulator.seen[-1].status == 0


@pytest.mark.parametrize(
    "path", ["/api/bytes/100000", "/api/bytes/100000?chunked", "/api/bytes/50", BALANCE, "/api/bytes/0?chunked"]
)
async def test_a_cut_reply_is_never_whole(client: Client, path: str) -> None:
    client.emulator.fault("api:cut=100")
    with pytest.raises(aiohttp.ClientPayloadError):
        await client.call("GET", path)


async def test_cleared_faults_are_gone(client: Client) -> None:
    client.emulator.fault("api:status=500")
    client.emulator.clear_faults()
    assert (await client.call("GET", BALANCE)).status == 200


async def test_an_expired_certificate_ends_the_connections_of_before(client: Client) -> None:
    assert (await client.call("GET", "/api/echo/x")).status == 200
    client.emulator.play('[[step]]\napi = 1\ndo = "certificate-expired"')
    with pytest.raises(aiohttp.ClientError):
        await client.call("POST", "/api/echo/x")
    assert client.emulator.counts.api == 1
