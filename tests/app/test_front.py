"""Several tenants at one listener: each request to its own FinHub, and what is nobody's to none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tenanted import BALANCE, House, housed

from sidecar import events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with housed(tmp_path) as house:
        yield house


async def test_each_request_goes_to_its_own_finhub_with_its_own_token_and_nowhere_else(house: House) -> None:
    for _ in range(3):  # the first over a new connection, the others at once
        assert (await house.call(BALANCE)).status == 200
        assert (await house.call(f"/beta{BALANCE}?a=/beta")).status == 200
        assert (await house.call(BALANCE, b"X-Tenant: ceta")).status == 200
        assert (await house.call(BALANCE, b"x-tenant:  c ")).status == 200
        assert (await house.call(BALANCE, tenant="delta")).status == 200
    for tenant, number in {"acme": 3, "beta": 3, "ceta": 6, "delta": 3}.items():
        seen = [seen for seen in house.finhub[tenant].seen if "/auth/" not in seen.path]
        assert [one.path for one in seen] == [BALANCE] * number
        assert {one.status for one in seen} == {200}
        assert house.shown(tenant)["requests"]["total"] == number
        assert house.shown(tenant)["mints"] == {"login": 1, "refresh": 0}
    assert house.one.sidecar.status()["requests"]["total"] == 15


async def test_the_field_that_names_a_tenant_never_goes_to_finhub(house: House) -> None:
    """Neither to the one that it names, nor, in a spelling that servers take for the same, to any other."""
    assert (await house.call(BALANCE, b"X-Tenant: ceta")).status == 200
    assert (await house.call(BALANCE, b"X-Tenant: ceta")).status == 200
    assert (await house.call(BALANCE, b"X_Tenant: ceta")).status == 200
    assert (await house.call(BALANCE, b"X-Tenant: ceta", tenant="delta")).status == 200
    assert [len(house.asked(tenant)) for tenant in ("ceta", "acme", "delta")] == [2, 1, 1]
    for emulator in house.finhub.values():
        names = {name.lower().replace("_", "-") for seen in emulator.seen for name, _ in seen.fields}
        assert "x-tenant" not in names
        assert "x-tenant-id" in names


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        (BALANCE, (b"X-Tenant: other",), 403),
        (BALANCE, (b"X-Tenant: CETA",), 403),
        (BALANCE, (b"X-Tenant:",), 403),
        (BALANCE, (b"X-Tenant: ceta", b"X-Tenant: ceta"), 403),
        (f"/beta{BALANCE}", (b"X-Tenant: ceta",), 403),
        (f"/beta{BALANCE}", (b"X-Tenant: other",), 403),
        (f"/beta%2f..{BALANCE}", (), 400),
        (f"/x/../beta{BALANCE}", (), 400),
        (f"/x/%2e%2e/beta{BALANCE}", (), 400),
        (f"/beta%2F{BALANCE}", (), 403),
        (f"/beta/%252e%252e{BALANCE}", (), 403),
    ],
)
async def test_who_names_no_tenant_or_two_is_refused_and_nobody_is_asked(
    house: House, path: str, fields: tuple[bytes, ...], status: int
) -> None:
    for _ in range(2):
        heard = await house.call(path, *fields)
        assert heard.status == status
        text = json.dumps(heard.problem)
        assert not any(tenant in text for tenant in house.finhub)
    assert [house.asked(tenant) for tenant in house.finhub] == [[]] * 4
    over = house.one.events(events.Forwarded)
    assert [(event.tenant, event.rule, event.status) for event in over] == [
        ("", "tenant" if status == 403 else "target", status)
    ] * 2


async def test_a_prefix_is_whole_segments_whatever_their_spelling(house: House) -> None:
    assert (await house.call(f"/%62eta{BALANCE}")).status == 200
    assert (await house.call(f"/betamax{BALANCE}")).status == 404
    assert (await house.call(f"//beta{BALANCE}")).status == 404
    assert (await house.call("/beta")).status == 404
    assert (await house.call("/beta?a=1")).status == 404
    assert house.asked("beta") == [BALANCE, "/", "/"]
    assert house.asked("acme") == [f"/betamax{BALANCE}", f"//beta{BALANCE}"]


async def test_what_the_guard_says_comes_before_who_somebody_is(house: House) -> None:
    heard = await house.call(BALANCE, b"X-Tenant: other", b"Sec-Fetch-Site: cross-site")
    assert heard.status == 403
    assert [event.rule for event in house.one.events(events.Forwarded)] == ["sec_fetch_site"]


async def test_only_those_that_are_listed_are_served_where_nobody_gets_the_rest(tmp_path: Path) -> None:
    ways = {"beta": 'path_prefix = "/beta"', "gamma": 'path_prefix = "/beta/gamma"\nstrip_prefix = false'}
    async with housed(tmp_path, ways) as house:
        assert (await house.call(BALANCE)).status == 403
        assert (await house.call(f"/beta{BALANCE}")).status == 200
        assert (await house.call("/beta/gamma/x")).status == 404
        assert (house.asked("beta"), house.asked("gamma")) == ([BALANCE], ["/beta/gamma/x"])
