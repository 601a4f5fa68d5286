from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from finhub import Client, FakeClock

BALANCE = "/api/v2.1/fintrans/acc-1/balance"


async def status(client: Client) -> int:
    return (await client.call("GET", BALANCE)).status


async def test_the_record_can_be_read(client: Client) -> None:
    await status(client)
    seen = (await client.control("GET", "/-/seen")).json["seen"]
    assert [each["path"] for each in seen] == ["/api/v2/auth/token", BALANCE]
    assert seen[1]["client_certificate"] == "organizationName=8812345,commonName=finhub-sidecar"
    assert [each["path"] for each in (await client.control("GET", "/-/seen?last=1")).json["seen"]] == [BALANCE]


async def test_the_record_holds_no_secret(client: Client) -> None:
    await status(client)
    account = client.emulator.account
    body = (await client.control("GET", "/-/seen")).body.decode()
    secrets = (client.token, client.refresh_token, account.password.reveal(), account.customer_secret.reveal())
    assert not any(secret in body for secret in secrets)


async def test_the_counts_can_be_read(client: Client) -> None:
    await status(client)
    counts = (await client.control("GET", "/-/counts")).json
    assert counts == {
        "login_attempts": 1,
        "logins": 1,
        "rejected_logins": 0,
        "refresh_attempts": 0,
        "refreshes": 0,
        "refreshes_unchanged": 0,
        "logouts": 0,
        "api": 1,
        "unauthorized": 0,
        "orders_executed": 0,
        "abandoned": 0,
        "connections": 1,
    }


@pytest.mark.parametrize(("path", "said"), [("/-/revoke", {"revoked": 1}), ("/-/expire", {"expired": 1})])
async def test_tokens_can_be_ended(client: Client, path: str, said: dict[str, int]) -> None:
    assert (await client.control("POST", path)).json == said
    assert await status(client) == 401


async def test_faults_can_be_added_listed_and_removed(client: Client) -> None:
    faults = {"faults": ["api:status=500,times=1", "api:status=503"]}
    assert (await client.control("POST", "/-/faults", faults)).json == faults
    assert (await client.control("GET", "/-/faults")).json == faults
    assert [await status(client), await status(client)] == [500, 503]
    assert (await client.control("DELETE", "/-/faults")).json == {"faults": []}
    assert await status(client) == 200


async def test_one_wrong_fault_and_none_is_added(client: Client) -> None:
    reply = await client.control("POST", "/-/faults", {"faults": ["api:close", "api:explode"]})
    assert (reply.status, b"'explode' is none of status" in reply.body) == (400, True)
    assert await status(client) == 200


async def test_the_account_can_be_locked(client: Client) -> None:
    assert (await client.control("POST", "/-/lockout")).json == {"seconds": 1800}
    assert (await client.log_in()).json["data"]["errorType"] == "ACCOUNT_LOCKED"


async def test_the_right_secrets_can_change(client: Client) -> None:
    right = client.login_form()
    await client.control("POST", "/-/credentials", {"password": "another-9f3a", "customerSecret": "new"})
    assert (await client.log_in(**right)).status == 401
    assert (await client.log_in(password="another-9f3a", customerSecret="new")).status == 200


async def test_time_can_be_pushed(client: Client) -> None:
    assert (await client.control("POST", "/-/clock", {"advance": 1800})).json == {"advanced": 1800}
    assert await status(client) == 401


async def test_a_reset_forgets_everything(client: Client, clock: FakeClock) -> None:
    client.emulator.fault("api:status=500")
    client.emulator.accept(password="another-9f3a")
    clock.time += 1
    assert (await client.control("POST", "/-/reset")).json == {"reset": True}
    assert (client.emulator.counts.logins, client.emulator.seen) == (0, [])
    assert await status(client) == 401
    assert (await client.log_in()).status == 200


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/-/faults", b"not json"),
        ("/-/faults", b"[" * 60_000),
        ("/-/faults", []),
        ("/-/faults", {"faults": "api:close"}),
        ("/-/faults", {"faults": [1]}),
        ("/-/credentials", {}),
        ("/-/credentials", {"password": ""}),
        ("/-/credentials", {"password": 1}),
        ("/-/clock", {}),
        ("/-/clock", {"advance": -1}),
        ("/-/clock", {"advance": True}),
        ("/-/clock", b'{"advance": NaN}'),
        ("/-/clock", {"advance": "soon"}),
    ],
)
async def test_a_wrong_request_is_told_what_would_be_right(client: Client, path: str, content: Any) -> None:
    reply = await client.control("POST", path, content)
    assert (reply.status, b"send " in reply.body) == (400, True)


async def test_how_many_to_show_is_a_number(client: Client) -> None:
    assert (await client.control("GET", "/-/seen?last=x")).status == 400


@pytest.mark.parametrize("fields", [{"Origin": "http://localhost"}, {"Host": "rebound.example"}, {"Host": "a:80"}])
async def test_a_browser_gets_nothing(client: Client, fields: dict[str, str]) -> None:
    reply = await client.control("POST", "/-/revoke", **fields)
    assert reply.status == 403
    assert await status(client) == 200


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "[::1]", "[::1]:80", "127.0.0.1"])
async def test_every_name_of_this_machine_will_do(client: Client, host: str) -> None:
    assert (await client.control("GET", "/-/counts", Host=host)).status == 200


async def test_the_clock_can_stand_still(client: Client, clock: FakeClock) -> None:
    assert (await client.control("POST", "/-/clock", {"frozen": True})).json == {"advanced": 0}
    clock.time += 1801
    assert await status(client) == 200
    assert (await client.control("POST", "/-/clock", {"frozen": False, "advance": 1801})).status == 200
    assert await status(client) == 401


@pytest.mark.parametrize("form", [{"frozen": 1}, {"frozen": True, "advance": -1}, {}])
async def test_a_clock_without_sense_is_refused_and_nothing_changes(
    client: Client, clock: FakeClock, form: dict[str, Any]
) -> None:
    assert (await client.control("POST", "/-/clock", form)).status == 400
    clock.time += 1801
    assert await status(client) == 401


async def test_a_scenario_can_be_begun_and_healed(client: Client) -> None:
    storm = b'[[step]]\napi = 2\nfault = "api:status=429,retry_after=2"\n'
    assert (await client.control("POST", "/-/scenario", storm)).json == {"steps": 1}
    assert [await status(client) for _ in range(3)] == [200, 429, 429]
    assert (await client.control("POST", "/-/heal")).json == {"healed": True}
    assert await status(client) == 200


@pytest.mark.parametrize(("text", "told"), [(b"[[step]]\nat = 1", "say what"), (b"\xff", "UTF-8")])
async def test_a_scenario_that_is_none_is_refused_in_words(client: Client, text: bytes, told: str) -> None:
    reply = await client.control("POST", "/-/scenario", text)
    assert reply.status == 400
    assert told in reply.body.decode()
