"""A request that is no tenant's: the guard's answer first, then that nobody serves it; counted and told like any."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from listening import on_port
from rawcaller import Heard, calling, request

from sidecar import errors, events
from sidecar.gateway.caller_server import CallerServer
from sidecar.gateway.handler import Tools, Traffic
from sidecar.gateway.nobody import Nobody
from sidecar.gateway.pace import Pace
from sidecar.guard.policy import Policy
from sidecar.guard.refusal import Denied

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sidecar.gateway.caller_request import CallerRequest

POLICY = Policy.build(
    allowed_hosts=("localhost",),
    allowed_origins=(),
    allowed_peers=(),
    caller_key=None,
    own_paths=(),
    allow=("* /**",),
    max_body=5,
    max_fields=4096,
    host_checked=True,
)
ERROR = Denied("tenant", "The request is no tenant's.", remedy="Ask.")


@dataclass
class Refusing:
    """A listener where nobody is served, what was told of it, and its traffic."""

    port: int = 0
    traffic: Traffic = field(default_factory=Traffic)
    told: list[events.Event] = field(default_factory=list)

    async def ask(self, *fields: bytes, method: bytes = b"GET", body: bytes = b"") -> Heard:
        async with calling(self.port) as caller:
            await caller.send(request(method, b"/x?secret=1", *fields, body=body))
            return await caller.reply(bodiless=method == b"HEAD")


@contextlib.asynccontextmanager
async def refusing() -> AsyncIterator[Refusing]:
    one = Refusing()
    tools = Tools(clock=lambda: 1.0, new_id=lambda: "id", emit=one.told.append)
    nobody = Nobody(POLICY, Pace(60.0, 1), one.traffic, tools)

    async def handle(request: CallerRequest) -> None:
        await nobody.refuse(request, ERROR)

    server = CallerServer(handle, None, nobody.unread)
    async with on_port(server) as one.port:
        yield one


async def test_it_is_refused_told_and_counted_and_the_connection_ends() -> None:
    async with refusing() as one:
        heard = await one.ask()
        assert (heard.status, heard.problem["detail"]) == (403, ERROR.detail)
        assert heard.get(b"Connection") == [b"close"]
    (over,) = one.told
    assert isinstance(over, events.Forwarded)
    assert (over.method, over.path, over.status, over.rule, over.tenant) == ("GET", "/x", 403, "tenant", "")
    assert (over.source, over.outcome, over.attempts, over.peer) == ("sidecar", "complete", 0, "127.0.0.1")
    assert (one.traffic.total, one.traffic.refused, one.traffic.in_flight) == (1, 1, 0)


@pytest.mark.parametrize(
    ("fields", "body", "rule", "status"),
    [
        ((b"Sec-Fetch-Site: cross-site",), b"", "sec_fetch_site", 403),
        ((), b"123456", "max_body", 413),
    ],
)
async def test_what_the_guard_says_comes_first(fields: tuple[bytes, ...], body: bytes, rule: str, status: int) -> None:
    async with refusing() as one:
        assert (await one.ask(*fields, method=b"POST", body=body)).status == status
    (over,) = one.told
    assert isinstance(over, events.Forwarded)
    assert over.rule == rule


async def test_what_could_not_be_read_is_told_as_nobodys() -> None:
    async with refusing() as one, calling(one.port) as caller:
        await caller.send(b"GET /\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await caller.reply()).status == 400
    (over,) = one.told
    assert isinstance(over, events.Forwarded)
    assert (over.method, over.status, over.tenant) == ("", 400, "")
    assert (one.traffic.total, one.traffic.refused, one.traffic.in_flight) == (1, 1, 0)


async def test_a_caller_that_leaves_before_its_refusal_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def leave(*_: object) -> None:
        raise errors.CallerGone("x")

    monkeypatch.setattr("sidecar.gateway.delivery.tell", leave)
    async with refusing() as one, calling(one.port) as caller:
        await caller.send(request(b"GET", b"/x"))
        await caller.reply()
    over = [event for event in one.told if isinstance(event, events.Forwarded)]
    assert over[0].outcome == "aborted"
    assert one.traffic.in_flight == 0
