"""A reload with several tenants: each takes its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from operating import until
from tenanted import BALANCE, House, housed

from sidecar import events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with housed(tmp_path) as house:
        yield house


async def reload(house: House) -> tuple[int, dict[str, list[str]]]:
    heard = await house.one.control("POST", "/-/reload")
    return heard.status, json.loads(heard.body)


async def test_a_changed_tenant_changes_alone(house: House) -> None:
    before = {tenant: house.finhub[tenant].counts.connections for tenant in house.finhub}
    house.finhub["beta"].accept(password="beta-pw-2")  # the right one, from now on
    house.one.files.put("beta/password", "beta-pw-2\n")
    assert await reload(house) == (200, {"changed": ["beta: secrets"]})
    await until(lambda: house.shown("beta")["mints"]["login"] == 2)
    assert [house.shown(tenant)["mints"]["login"] for tenant in ("acme", "ceta", "delta")] == [1, 1, 1]
    assert (await house.call(f"/beta{BALANCE}")).status == 200
    assert {tenant: house.finhub[tenant].counts.connections for tenant in ("acme", "ceta", "delta")} == {
        tenant: before[tenant] for tenant in ("acme", "ceta", "delta")
    }
    (told,) = house.one.events(events.Reloaded)
    assert (told.tenant, told.what) == ("beta", ("secrets",))


async def test_what_all_have_is_told_once_and_what_one_has_with_its_name(house: House) -> None:
    house.one.files.add("listen", 'allow = ["GET /**"]')
    house.one.files.edit('tenant_id = "ceta-1"', 'tenant_id = "ceta-2"')
    assert await reload(house) == (200, {"changed": ["listen.allow", "ceta: credentials.tenant_id"]})
    assert (await house.call(BALANCE, method="DELETE")).status == 403
    assert (await house.call(BALANCE, method="DELETE", tenant="delta")).status == 403


async def test_one_that_is_broken_keeps_what_it_had_and_stops_no_other(house: House) -> None:
    key = (house.one.files.folder / "acme/client.key").read_bytes()
    house.one.files.put("acme/client.key", (house.one.files.folder / "delta/client.key").read_bytes())
    house.finhub["beta"].accept(password="beta-pw-2")  # the right one, from now on
    house.one.files.put("beta/password", "beta-pw-2\n")
    status, told = await reload(house)
    assert (status, str(told["detail"]).startswith("tenant acme: ")) == (422, True)
    await until(lambda: house.shown("beta")["mints"]["login"] == 2)
    for path in (BALANCE, f"/beta{BALANCE}"):
        assert (await house.call(path)).status == 200
    (failed,) = house.one.events(events.ReloadFailed)
    assert failed.tenant == "acme"
    assert [problem["tenant"] for problem in house.one.sidecar.status()["problems"]] == ["acme"]
    assert house.one.sidecar.broken
    house.one.files.put("acme/client.key", key)
    assert await reload(house) == (200, {"changed": []})
    assert not house.one.sidecar.broken


async def test_a_file_that_nobody_can_use_is_told_once(house: House) -> None:
    house.one.files.add("listen", "max_body = 0")
    assert (await reload(house))[0] == 422
    assert len(house.one.events(events.ReloadFailed)) == 1
    assert (await house.call(f"/beta{BALANCE}")).status == 200


async def test_which_tenants_there_are_and_how_each_is_found_waits_for_a_restart(house: House) -> None:
    before = house.one.files.config.read_text()
    house.one.files.edit('"/beta"', '"/gamma"')
    assert await reload(house) == (200, {"changed": [], "restart": ["tenants"]})
    assert (await house.call(f"/beta{BALANCE}")).status == 200
    house.one.files.config.write_text(before[: before.rindex("[[tenants]]")])
    assert await reload(house) == (200, {"changed": [], "restart": ["tenants"]})
    assert (await house.call(BALANCE, tenant="delta")).status == 200
    house.one.files.config.write_text(before)
    assert await reload(house) == (200, {"changed": []})
