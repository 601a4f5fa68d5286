from __future__ import annotations

import asyncio
import dataclasses

import pytest
from faketokens import FakeTokens
from origin import OK, REFUSED, replying
from rawcaller import request
from stage import PLAIN, Plan, staged

from sidecar.config.finhub_side import FieldRule
from sidecar.gateway.lane import Lane
from sidecar.gateway.upstream import Upstream


def test_a_lane_is_one_value_that_does_not_change() -> None:
    plan = Plan()
    upstream = Upstream("http://localhost:80", plan.bounds(), lambda: PLAIN)
    lane = Lane(fields=plan.fields(), tokens=plan.tokens, upstream=upstream, expired_when=None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        lane.expired_when = "expired"  # type: ignore[misc]  # that it cannot be set is what is tested


async def test_what_happens_in_one_lane_is_not_felt_in_another() -> None:
    def plan(tenant: str) -> Plan:
        return Plan(rules={"X-Tenant-ID": FieldRule(value=tenant, when="always")}, tokens=FakeTokens(session_id=tenant))

    async with staged(replying(REFUSED, OK), plan("one")) as one, staged(replying(OK), plan("two")) as two:
        await asyncio.gather(*(stage.ask(request(b"GET", b"/a")) for stage in (one, two)))
        assert [asked.get(b"X-Tenant-ID") for asked in one.origin.requests] == [[b"one"], [b"one"]]
        assert [asked.get(b"X-Tenant-ID") for asked in two.origin.requests] == [[b"two"]]
        assert (one.tokens.counts["rejected"], two.tokens.counts["rejected"]) == (1, 0)
