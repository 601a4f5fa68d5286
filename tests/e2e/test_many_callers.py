"""Fifty callers at once: one login for all of them, and never a body sent twice that FinHub has acted on."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING

from calling import BALANCE, get, post, until
from crowd import Crowd, crowd

from sidecar.emulator.answers import refusal

if TYPE_CHECKING:
    from staging import Stage

CALLERS = 50
PREPARE = "/api/v2.1/fintrans/acc-1/types/transfer/prepare"
EXECUTE = "/api/v2.1/fintrans/acc-1/types/transfer/execute"


async def prepared(callers: Crowd) -> str:
    order: str = (await callers.post(PREPARE, b"{}")).json["data"]["preparedOrderId"]
    return order


def connections(stage: Stage) -> int:
    """Return how many requests have their token already and are on the wire."""
    busy: int = stage.sidecar.status()["upstream"]["connections"]
    return busy


def payment(order: str, number: int) -> bytes:
    """Return a body unlike any other: in its length, its white space and its float that no parser keeps."""
    return json.dumps({"preparedOrderId": order, "note": "x" * number * 97, "rate": 1.10}, indent=number % 5).encode()


async def test_fifty_callers_of_a_lazy_sidecar_without_a_token_cost_one_login(stage: Stage) -> None:
    stage.finhub.fault("login:delay=0.5")
    sidecar = stage.run(SESSION__LOGIN="lazy")
    assert stage.finhub.counts.login_attempts == 0
    async with crowd(sidecar.url) as callers:
        got = await asyncio.gather(*(callers.get(BALANCE) for _ in range(CALLERS)))
    assert Counter(each.status for each in got) == {200: CALLERS}
    counts = stage.finhub.counts
    assert (counts.login_attempts, counts.logins, counts.unauthorized, counts.api) == (1, 1, 0, CALLERS)


async def test_fifty_callers_that_come_during_the_first_login_wait_for_it_and_cost_no_other(stage: Stage) -> None:
    stage.finhub.fault("login:delay=1")
    sidecar = stage.run()
    assert sidecar.status()["session"]["state"] == "MINTING"
    async with crowd(sidecar.url) as callers:
        got = await asyncio.gather(*(callers.get(BALANCE) for _ in range(CALLERS)))
    assert Counter(each.status for each in got) == {200: CALLERS}
    counts = stage.finhub.counts
    assert (counts.login_attempts, counts.logins, counts.unauthorized, counts.api) == (1, 1, 0, CALLERS)


async def test_fifty_payments_on_a_revoked_token_cost_one_mint_and_are_each_executed_once_byte_for_byte(
    shared: Stage,
) -> None:
    finhub = shared.finhub
    async with crowd(shared.sidecar.url) as callers:
        orders = await asyncio.gather(*(prepared(callers) for _ in range(CALLERS)))
        bodies = [payment(order, number) for number, order in enumerate(orders)]
        before, seen_before = finhub.counts, len(finhub.seen(EXECUTE))
        finhub.revoke()
        got = await asyncio.gather(*(callers.post(EXECUTE, body) for body in bodies))
    assert Counter(each.status for each in got) == {200: CALLERS}
    logins, refreshes, executed, refused = finhub.since(
        before, "logins", "refreshes", "orders_executed", "unauthorized"
    )
    assert (logins, refreshes, executed) == (1, 0, CALLERS)
    assert 1 <= refused <= CALLERS
    seen = finhub.seen(EXECUTE)[seen_before:]
    acted_on = Counter(each.body_sha256 for each in seen if each.status == 200)
    assert acted_on == Counter(hashlib.sha256(body).hexdigest() for body in bodies)
    assert {each.status for each in seen} == {200, 401}


def test_a_late_401_for_an_old_token_costs_no_second_login(stage: Stage) -> None:
    finhub, path = stage.finhub, "/api/echo/late"
    finhub.fault(f"api:delay=2,path={path},times=1")
    url = stage.run().url
    get(f"{url}{BALANCE}")

    async def scene() -> tuple[int, int]:
        async with crowd(url) as callers:
            late = asyncio.create_task(callers.post(path, b'{"amount": 1.10}'))
            await asyncio.to_thread(until, lambda: connections(stage) == 1, "the request is on its way")
            finhub.revoke()
            quick = await callers.get(BALANCE)
            assert not late.done()
            return quick.status, (await late).status

    assert asyncio.run(scene()) == (200, 200)
    assert [each.status for each in finhub.seen(path)] == [401, 200]
    tokens = [each.values("Authorization")[0] for each in finhub.seen(path)]
    assert tokens[1] == finhub.seen(BALANCE)[-1].values("Authorization")[0] != tokens[0]
    assert finhub.counts.logins == 2


def test_a_401_on_the_fresh_token_reaches_the_caller_after_two_sends_and_one_mint(shared: Stage) -> None:
    finhub, path = shared.finhub, "/api/echo/never"
    get(f"{shared.sidecar.url}{BALANCE}")
    finhub.fault(f"api:status=401,path={path}")
    before, told = finhub.counts, len(shared.sidecar.requests())
    got = post(f"{shared.sidecar.url}{path}", b'{"amount": 1.10}')
    finhub.clear_faults()
    assert (got.status, got.body) == (401, refusal(401, errorType="FAULT_ON_DEMAND").body)
    assert "Proxy-Status" not in got.fields
    assert got.fields["Content-Type"] == "application/json"
    assert finhub.since(before, "logins", "refresh_attempts", "api") == (1, 0, 2)
    sent = finhub.seen(path)[-2:]
    assert sent[0].body_sha256 == sent[1].body_sha256 == hashlib.sha256(b'{"amount": 1.10}').hexdigest()
    (line,) = shared.sidecar.requests()[told:]
    assert (line["status"], line["source"], line["attempts"]) == (401, "upstream", 2)


def test_a_403_costs_no_login_and_reaches_the_caller_unchanged(shared: Stage) -> None:
    before = shared.finhub.counts
    got = get(f"{shared.sidecar.url}/api/status/403")
    assert (got.status, got.body) == (403, refusal(403).body)
    assert "Proxy-Status" not in got.fields
    assert shared.finhub.since(before, "login_attempts", "refresh_attempts", "api") == (0, 0, 1)


def test_a_429_of_the_api_costs_no_login_and_reaches_the_caller_unchanged(shared: Stage) -> None:
    path = "/api/echo/busy"
    shared.finhub.fault(f"api:status=429,retry_after=7,path={path}")
    before = shared.finhub.counts
    got = get(f"{shared.sidecar.url}{path}")
    shared.finhub.clear_faults()
    assert (got.status, got.fields["Retry-After"]) == (429, "7")
    assert shared.finhub.since(before, "login_attempts", "api") == (0, 1)
