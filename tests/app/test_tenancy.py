"""One tenant, as the process sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operating import finhub, operated
from tenanted import BALANCE, housed_lazily

from sidecar.app.tenancy import Going

if TYPE_CHECKING:
    from pathlib import Path


async def test_one_alone_is_called_as_finhub_calls_it_and_named_nowhere_else(tmp_path: Path) -> None:
    async with finhub(tmp_path) as files, operated(files) as one:
        await one.logged_in()
        (tenancy,) = one.sidecar.tenancies
        assert tenancy.name == files.emulator.account.tenant_id
        assert tenancy.vitals(Going()).tenant == ""
        assert tenancy.listen == ""
        assert tenancy.metrics is one.sidecar.metrics
        assert tenancy.on_call is one.sidecar.on_call
        assert one.sidecar.gateway is tenancy.gateway
        assert "sessions" not in one.sidecar.status()


async def test_one_of_several_has_counters_of_its_own_and_tells_whose_they_are(tmp_path: Path) -> None:
    ways = {"acme": "", "delta": 'listen = "127.0.0.1:0"'}
    async with housed_lazily(tmp_path, ways) as house:
        await house.logged_in()
        acme, delta = house.one.sidecar.tenancies
        assert (acme.listen, delta.listen) == ("", f"127.0.0.1:{house.port('delta')}")
        assert (await house.call(BALANCE, tenant="delta")).status == 200
        assert [each.metrics.totals().requests for each in (acme, delta)] == [0, 1]
        assert house.one.sidecar.metrics.totals().requests == 0
        counted, read = delta.counted(Going())
        assert (counted, read.state, read.ready) == (delta.metrics, "FRESH", True)
        going = Going(draining=True, barred="x")
        vitals = delta.vitals(going)
        assert (vitals.tenant, vitals.draining, vitals.barred) == ("delta", True, "x")
        assert delta.seen(Going(draining=True)).draining
        assert delta.shown()["listen"] == delta.listen


async def test_what_cannot_be_read_as_a_request_is_counted_where_it_came(tmp_path: Path) -> None:
    ways = {"acme": "", "delta": 'listen = "127.0.0.1:0"'}
    async with housed_lazily(tmp_path, ways) as house:
        for tenant in ("", "delta"):
            assert (await house.call("/\x01", tenant=tenant)).status == 400
        acme, delta = house.one.sidecar.tenancies
        assert [each.gateway.traffic.refused for each in (acme, delta)] == [0, 1]
        assert house.one.sidecar.traffic.refused == 2
