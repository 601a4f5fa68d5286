"""Several tenants in one process: what is told of them, and one in trouble beside the others."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from operating import refused, until
from tenanted import BALANCE, House, housed, housed_lazily

from sidecar import events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with housed(tmp_path) as house:
        yield house


async def test_the_status_tells_of_each_and_the_first_stands_for_all(house: House) -> None:
    assert (await house.call(f"/beta{BALANCE}")).status == 200
    told = json.loads((await house.one.control("GET", "/status")).body)
    assert [each["tenant"] for each in told["sessions"]] == ["acme", "beta", "ceta", "delta"]
    assert told["session"] == {key: told["sessions"][0][key] for key in told["session"]}
    assert [each["upstream"]["url"] for each in told["sessions"]] == [one.url for one in house.finhub.values()]
    assert [bool(each["listen"]) for each in told["sessions"]] == [False, False, False, True]
    assert [each["requests"]["total"] for each in told["sessions"]] == [0, 1, 0, 0]
    assert (told["requests"]["total"], told["problems"]) == (1, [])


async def test_metrics_tell_whose_they_are_by_the_names_of_the_file_alone(house: House) -> None:
    assert (await house.call(f"/beta{BALANCE}")).status == 200
    assert (await house.call(BALANCE, b"X-Tenant: other")).status == 403
    text = (await house.one.control("GET", "/metrics")).body.decode()
    labels = 'method="GET",reason="none",source="upstream",status="2xx",tenant="beta"'
    assert f"finhub_sidecar_requests_total{{{labels}}} 1.0" in text
    assert 'finhub_sidecar_refusals_total{rule="tenant",tenant=""} 1.0' in text
    assert 'finhub_sidecar_session_state{state="FRESH",tenant="delta"} 1.0' in text
    assert 'finhub_sidecar_ready{tenant=""} 1.0' in text
    assert 'finhub_sidecar_upstream_connections_max{tenant="acme"} 100.0' in text
    assert 'finhub_sidecar_request_duration_seconds_count{tenant="beta"} 1.0' in text
    assert 'tenant="other"' not in text


async def test_an_event_names_its_tenant(house: House) -> None:
    assert (await house.call(f"/beta{BALANCE}")).status == 200
    (over,) = house.one.events(events.Forwarded)
    assert over.tenant == "beta"
    assert {event.tenant for event in house.one.events(events.Minted)} == set(house.finhub)
    assert [event.tenant for event in house.one.events(events.IdentityLoaded)] == list(house.finhub)


async def test_the_page_has_the_hour_and_the_events_of_all(house: House) -> None:
    told = json.loads((await house.one.control("GET", "/history")).body)
    minted = [event["members"]["tenant"] for event in told["events"] if event["event"] == "session minted"]
    assert sorted(minted) == sorted(house.finhub)


async def test_one_that_is_blocked_is_told_by_name_and_the_others_are_served(house: House) -> None:
    beta = house.finhub["beta"]
    beta.accept(password="beta-pw-2")  # the right one, from now on
    beta.revoke()
    assert (await house.call(f"/beta{BALANCE}")).status == 503
    assert house.shown("beta")["state"] == "BLOCKED"
    assert (await house.call(BALANCE)).status == 200
    ready = await house.one.control("GET", "/readyz")
    assert (ready.status, ready.body) == (503, b"no valid FinHub session (BLOCKED), tenant beta\n")
    (problem,) = house.one.sidecar.status()["problems"]
    assert (problem["tenant"], problem["severity"]) == ("beta", "error")
    assert [house.finhub[tenant].counts.rejected_logins for tenant in house.finhub] == [0, 1, 0, 0]


async def test_an_operator_can_have_one_log_in_alone(house: House) -> None:
    heard = await house.one.control("POST", "/-/reauthenticate?tenant=beta")
    assert heard.status == 200
    assert [house.finhub[tenant].counts.logins for tenant in house.finhub] == [1, 2, 1, 1]
    assert (await house.one.control("POST", "/-/reauthenticate?tenant=other")).status == 404
    assert (await house.one.control("POST", "/-/reauthenticate")).status == 200
    assert [house.finhub[tenant].counts.logins for tenant in house.finhub] == [2, 3, 2, 2]


async def test_readiness_waits_for_eager_tenants_alone(tmp_path: Path) -> None:
    ways = {"acme": "", "beta": 'path_prefix = "/beta"\nsession = { login = "lazy" }'}
    async with housed_lazily(tmp_path, ways) as house:
        beta = house.finhub["beta"]
        assert (beta.counts.logins, house.shown("beta")["state"]) == (0, "EMPTY")
        beta.lock()
        assert (await house.call(f"/beta{BALANCE}")).status == 503
        assert house.shown("beta")["state"] == "BLOCKED"
        assert (await house.one.control("GET", "/readyz")).status == 200


async def test_one_whose_finhub_hangs_leaves_the_others_their_requests(tmp_path: Path) -> None:
    """Of eight requests at one time each of two tenants has two for sure: a hanging one takes six, and no more."""
    async with housed(tmp_path, {"acme": "", "beta": 'path_prefix = "/beta"'}) as house:
        house.one.files.add("listen", "max_requests = 8")
        assert (await house.one.control("POST", "/-/reload")).status == 200
        house.finhub["beta"].fault("api:delay=3600")
        hanging = [asyncio.create_task(house.call(f"/beta{BALANCE}")) for _ in range(6)]
        await until(lambda: house.shown("beta")["requests"]["in_flight"] == 6)
        assert [(await house.call(f"/beta{BALANCE}")).status for _ in range(4)] == [429] * 4
        assert [(await house.call(BALANCE)).status for _ in range(8)] == [200] * 8
        assert house.shown("beta")["requests"]["in_flight"] == 6
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


async def test_one_alone_may_use_more_than_its_share(tmp_path: Path) -> None:
    async with housed(tmp_path, {"acme": "", "beta": 'path_prefix = "/beta"'}) as house:
        house.one.files.add("listen", "max_requests = 8")
        assert (await house.one.control("POST", "/-/reload")).status == 200
        heard = await asyncio.gather(*(house.call(f"/beta{BALANCE}") for _ in range(6)))
        assert [one.status for one in heard] == [200] * 6


async def test_nothing_is_carried_for_anybody_while_the_trail_cannot_be_written(house: House) -> None:
    for tenancy in house.one.sidecar.tenancies:
        assert tenancy.gateway.traffic.barred == ""
    house.one.sidecar._home.bar("the audit trail cannot be written")  # noqa: SLF001  # as the trail does
    assert {(await house.call(f"{prefix}{BALANCE}")).status for prefix in ("", "/beta")} == {503}
    house.one.sidecar._home.bar("")  # noqa: SLF001  # as above
    assert (await house.call(BALANCE)).status == 200


async def test_a_drain_waits_for_the_requests_of_every_listener(house: House) -> None:
    house.finhub["delta"].fault("api:delay=1.2")
    port = house.port("delta")
    asked = asyncio.create_task(house.call(BALANCE, tenant="delta"))
    await until(lambda: house.shown("delta")["requests"]["in_flight"] == 1)
    house.one.sidecar.stop("the test")
    assert (await asked).status == 200
    await house.one.done
    assert await refused(port)
    (stopped,) = house.one.events(events.Stopped)
    assert stopped.cut == 0
