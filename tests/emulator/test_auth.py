from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
import pytest

from sidecar.emulator.auth import V2_LOGIN, nine_digits
from sidecar.emulator.sessions import Instant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from finhub import Client, FakeClock, Reply

    Start = Callable[..., Awaitable[Client]]

ORGANIZATION = "/api/v2.1/admin/organization/4711/users/42/sessions"
CUSTOMER_ORGANIZATION = "/api/v2.1/customer/organization/4711/users/42/sessions"
INDIVIDUAL = "/api/v2.1/customer/individual/2001/users/42/sessions"


def v21_form(client: Client) -> dict[str, str]:
    account = client.emulator.account
    return {
        "username": account.username,
        "password": account.password.reveal(),
        "tenantKey": account.tenant_key,
        "tenantSecret": account.tenant_secret.reveal(),
    }


async def v21_login(client: Client, path: str = ORGANIZATION, **changes: Any) -> Reply:
    reply = await client.call("POST", path, without="Authorization", content={**v21_form(client), **changes})
    if reply.status == 200:
        client.token = reply.json["data"]["token"]
    return reply


async def balance(client: Client) -> int:
    return (await client.call("GET", "/api/v2.1/fintrans/acc-1/balance")).status


# ── v2 login ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_login_brings_what_the_source_lists_flat(start: Start) -> None:
    client = await start()
    reply = (await client.log_in()).json
    assert set(reply) == {
        "expires_in",
        "token_type",
        "scope",
        "customerId",
        "tenantId",
        "userSessionToken",
        "refreshToken",
    }
    assert (reply["expires_in"], reply["token_type"]) == (1800, "Bearer")
    assert (reply["customerId"], reply["tenantId"]) == ("8812345", "1234567")
    assert await balance(client) == 200


@pytest.mark.parametrize("name", V2_LOGIN)
async def test_a_login_without_one_of_the_six_fields_names_it(start: Start, name: str) -> None:
    client = await start()
    reply = await client.log_in(**{name: None})
    assert (reply.status, reply.json["data"]["field"]) == (400, name)
    assert client.emulator.counts.rejected_logins == 0


@pytest.mark.parametrize("name", ["username", "password", "customerId", "customerSecret"])
async def test_a_wrong_credential_is_401_with_the_attempts(start: Start, name: str) -> None:
    client = await start()
    reply = await client.log_in(**{name: "wrong"})
    assert reply.status == 401
    assert (reply.json["data"]["attempts"], reply.json["data"]["maxAttempts"]) == (1, 5)
    assert client.emulator.counts.rejected_logins == 1


async def test_five_failures_lock_everybody_out_for_half_an_hour(start: Start, clock: FakeClock) -> None:
    client = await start()
    for _ in range(5):
        await client.log_in(password="wrong")
    locked = await client.log_in()
    assert (locked.status, locked.json["data"]["errorType"]) == (401, "ACCOUNT_LOCKED")
    clock.time += 1800
    assert (await client.log_in()).status == 200


async def test_the_lock_leaves_a_living_token_alone(client: Client) -> None:
    client.emulator.lock()
    assert await balance(client) == 200


async def test_too_many_logins_are_429_with_the_time_to_wait(start: Start, clock: FakeClock) -> None:
    client = await start(token_calls=2)
    await client.log_in()
    clock.time += 20
    await client.log_in()
    reply = await client.log_in()
    assert (reply.status, reply.fields["Retry-After"]) == (429, "40")
    clock.time += 40
    assert (await client.log_in()).status == 200
    assert (client.emulator.counts.login_attempts, client.emulator.counts.logins) == (4, 3)


async def test_the_client_credentials_may_be_left_out_where_finhub_does_not_want_them(start: Start) -> None:
    client = await start(customer_secret_required=False)
    assert (await client.log_in(customerId=None, customerSecret=None)).status == 200


async def test_the_sandbox_answers_in_camel_case_under_data_without_a_refresh_token(start: Start) -> None:
    client = await start(environment="playground")
    reply = (await client.log_in("/api/v2/auth/sandbox/token")).json
    assert reply["code"] == 200
    assert (reply["data"]["expiresIn"], reply["data"]["tokenType"]) == (10000, "Bearer")
    assert "refreshToken" not in reply["data"]
    client.token = reply["data"]["userSessionToken"]
    assert await balance(client) == 200


@pytest.mark.parametrize(
    ("environment", "path"),
    [("production", "/api/v2/auth/sandbox/token"), ("playground", "/api/v2/auth/token")],
)
async def test_each_environment_has_its_own_login(start: Start, environment: str, path: str) -> None:
    client = await start(environment=environment)
    assert (await client.log_in(path)).status != 200


# ── refresh ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_refresh_with_more_than_a_tenth_left_changes_nothing(client: Client, clock: FakeClock) -> None:
    clock.time += 1600
    reply = (await client.refresh(refreshToken=client.refresh_token)).json
    assert (reply["userSessionToken"], reply["refreshToken"]) == (client.token, client.refresh_token)
    assert reply["expires_in"] == 200
    assert (client.emulator.counts.refreshes, client.emulator.counts.refreshes_unchanged) == (0, 1)


async def test_a_refresh_in_the_last_tenth_brings_a_new_token_and_the_old_one_lives_on(
    client: Client, clock: FakeClock
) -> None:
    clock.time += 1620
    key = jwt.decode(client.token, options={"verify_signature": False})["internalTokenKey"]
    reply = (await client.refresh(refreshToken=client.refresh_token, internalTokenKey=key)).json
    assert reply["expires_in"] == 1800
    assert reply["userSessionToken"] != client.token
    assert await balance(client) == 200
    client.token = reply["userSessionToken"]
    clock.time += 1799
    assert await balance(client) == 200
    assert client.emulator.counts.refreshes == 1


async def test_a_refresh_needs_no_body(client: Client, clock: FakeClock) -> None:
    clock.time += 1700
    reply = await client.call("POST", "/api/v2/auth/token/refresh", content=b"")
    assert (reply.status, reply.json["expires_in"]) == (200, 1800)


async def test_a_refresh_after_expiry_comes_too_late(client: Client, clock: FakeClock) -> None:
    clock.time += 1800
    reply = await client.refresh(refreshToken=client.refresh_token)
    assert (reply.status, "expired" in reply.json["message"]) == (401, True)
    assert (client.emulator.counts.refresh_attempts, client.emulator.counts.unauthorized) == (1, 1)


@pytest.mark.parametrize("form", [{"refreshToken": "wrong"}, {"internalTokenKey": "wrong"}, {"internalTokenKey": 1}])
async def test_a_refresh_with_the_wrong_token_or_key_is_401(client: Client, form: dict[str, Any]) -> None:
    assert (await client.refresh(**form)).status == 401


async def test_the_token_of_another_user_cannot_be_refreshed(client: Client) -> None:
    key = jwt.decode(client.token, options={"verify_signature": False})["internalTokenKey"]
    await v21_login(client)
    assert (await client.refresh(internalTokenKey=key)).status == 403


async def test_the_playground_knows_no_refresh(start: Start) -> None:
    client = await start(environment="playground")
    client.token = (await client.log_in("/api/v2/auth/sandbox/token")).json["data"]["userSessionToken"]
    assert (await client.refresh()).status == 404


async def test_refreshes_count_against_the_rate_limit(start: Start) -> None:
    client = await start(token_calls=1)
    await client.log_in()
    assert (await client.refresh()).status == 429


# ── logout ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_logout_ends_the_token(client: Client) -> None:
    reply = await client.call("POST", "/api/v2/auth/logout", content={"userSessionToken": client.token})
    assert (reply.status, reply.json["cleared"]) == (200, True)
    assert await balance(client) == 401
    assert client.emulator.counts.logouts == 1


# ── v2.1 ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", [ORGANIZATION, CUSTOMER_ORGANIZATION, INDIVIDUAL])
async def test_a_v21_session_promises_a_day_and_lives_an_hour(start: Start, clock: FakeClock, path: str) -> None:
    client = await start()
    reply = (await v21_login(client, path)).json
    assert (reply["code"], reply["message"]) == (200, "Success")
    assert set(reply["data"]) == {
        "sessionId",
        "userId",
        "token",
        "refreshToken",
        "expiresAt",
        "success",
        "message",
    }
    clock.time += 3599
    assert await balance(client) == 200
    clock.time += 1
    assert await balance(client) == 401


async def test_a_v21_session_is_renewed_in_its_last_tenth_and_keeps_its_id(start: Start, clock: FakeClock) -> None:
    client = await start()
    first = (await v21_login(client)).json["data"]
    clock.time += 3239
    early = await client.refresh(refreshToken=first["refreshToken"])
    assert early.json["userSessionToken"] == first["token"]
    clock.time += 1
    client.token = (await client.refresh(refreshToken=first["refreshToken"])).json["userSessionToken"]
    assert client.token != first["token"]
    assert (await client.call("DELETE", f"{ORGANIZATION}/{first['sessionId']}")).status == 200
    counts = client.emulator.counts
    assert (counts.refreshes_unchanged, counts.refreshes, counts.logouts) == (1, 1, 1)


async def test_a_v21_session_in_the_playground_has_no_refresh_token(start: Start) -> None:
    client = await start(environment="playground")
    assert "refreshToken" not in (await v21_login(client)).json["data"]


@pytest.mark.parametrize("path", [ORGANIZATION.replace("4711", "1"), INDIVIDUAL.replace("/42/", "/1/")])
async def test_an_unknown_user_of_v21_is_404(start: Start, path: str) -> None:
    assert (await v21_login(await start(), path)).status == 404


async def test_a_wrong_tenant_secret_is_401(start: Start) -> None:
    assert (await v21_login(await start(), tenantSecret="wrong")).status == 401


async def test_a_v21_session_can_be_closed_by_its_own_bearer_only(start: Start) -> None:
    client = await start()
    session = (await v21_login(client)).json["data"]["sessionId"]
    assert (await client.call("DELETE", f"{ORGANIZATION}/other")).status == 404
    assert (await client.call("DELETE", f"{ORGANIZATION}/{session}")).status == 200
    assert await balance(client) == 401
    assert client.emulator.counts.logouts == 1


def test_nine_fractional_digits_and_no_zone() -> None:
    assert nine_digits(Instant(now=0.0, utc=1_700_000_000.5), 86400.0) == "2023-11-15T22:13:20.500000000"


# ── FinCard ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def fincard(client: Client, **changes: Any) -> Reply:
    account = client.emulator.account
    form = {"email": account.username, "password": account.password.reveal(), "tenantId": account.tenant_id}
    return await client.call("POST", "/api/auth/login", without="Authorization", content={**form, **changes})


async def test_fincard_answers_flat_without_a_refresh_token(start: Start) -> None:
    client = await start()
    reply = (await fincard(client)).json
    assert (reply["expiresIn"], "refreshToken" in reply) == (1800, False)
    client.token = reply["accessToken"]
    assert await balance(client) == 200
    assert (await client.refresh(refreshToken="made up")).status == 404
    assert (await client.refresh()).status == 404
    assert (client.emulator.counts.refreshes, client.emulator.counts.refreshes_unchanged) == (0, 0)


async def test_fincard_says_401_inside_a_200(start: Start) -> None:
    client = await start()
    reply = await fincard(client, password="wrong")
    assert (reply.status, reply.json) == (200, {"success": False, "code": 401, "msg": "Invalid credentials"})
    assert client.emulator.counts.rejected_logins == 1


async def test_five_failures_lock_fincard_out_as_everybody(start: Start, clock: FakeClock) -> None:
    client = await start()
    for _ in range(5):
        await fincard(client, password="wrong")
    locked = await fincard(client)
    assert (locked.status, locked.json["code"]) == (200, 401)
    assert "locked" in locked.json["msg"]
    clock.time += 1800
    assert (await fincard(client)).json["success"] is True


async def test_fincard_says_when_after_too_many_logins(start: Start) -> None:
    client = await start(token_calls=1)
    await fincard(client)
    reply = await fincard(client)
    assert (reply.status, reply.json["code"], reply.fields["Retry-After"]) == (429, 429, "60")


async def test_a_token_of_fincard_ends_with_a_401_inside_a_200(start: Start, clock: FakeClock) -> None:
    client = await start()
    client.token = (await fincard(client)).json["accessToken"]
    clock.time += 1800
    reply = await client.call("GET", "/api/v2.1/fintrans/acc-1/balance")
    assert (reply.status, reply.json["success"], reply.json["code"]) == (200, False, 401)
    assert (client.emulator.counts.api, client.emulator.counts.unauthorized) == (1, 1)


async def test_fincard_says_400_plainly(start: Start) -> None:
    reply = await fincard(await start(), email=None)
    assert (reply.status, reply.json["code"]) == (400, 400)
