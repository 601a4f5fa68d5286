"""What a trace is told of one request on its way through the gateway, and what FinHub gets of it; and off, nothing."""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from faketokens import FakeTokens
from origin import OK, REFUSED, dying_when_reused, replying, slamming
from rawcaller import request
from stage import Plan, Stage, eventually, staged

from sidecar.config.finhub_side import FieldRule
from sidecar.errors import TokenUnavailable
from sidecar.gateway import at_once
from sidecar.gateway.trace import Trace, Tracing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from origin import Script

    from sidecar.events import Forwarded
    from sidecar.rawfields import RawFields

CONTEXT = (
    b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    b"Tracestate: vendor=1,other=2",
    b"tracestate: third=3",
    b"baggage: user=alice;p=1,  b = c",
)
GET = request(b"GET", b"/a?secret=1", *CONTEXT)
POST = request(b"POST", b"/a", *CONTEXT, body=b"all of it")


@dataclass
class Noted(Trace):
    """A trace that writes down what it is told."""

    began: tuple[str, str, RawFields]
    told: list[str | int] = field(default_factory=list)
    event: Forwarded | None = None

    def asks(self, fields: RawFields) -> RawFields:
        self.told.append("asks")
        return (
            *(pair for pair in fields if pair[0] != b"traceparent"),
            (b"traceparent", b"%d" % self.told.count("asks")),
        )

    def hears(self, status: int) -> None:
        self.told.append(status)

    def over(self, event: Forwarded) -> None:
        self.told.append("over")
        self.event = event


@dataclass
class Noting(Tracing):
    """Traces requests by writing down."""

    traces: list[Noted] = field(default_factory=list)

    def begin(self, method: str, path: str, fields: RawFields) -> Noted:
        self.traces.append(Noted((method, path, fields)))
        return self.traces[-1]


@contextlib.asynccontextmanager
async def traced(script: Script, plan: Plan | None = None) -> AsyncIterator[tuple[Stage, Noting]]:
    async with staged(script, plan) as stage:
        noting = Noting()
        stage.gateway.tools = dataclasses.replace(stage.gateway.tools, tracing=noting)
        yield stage, noting


def contexts(stage: Stage) -> list[list[bytes]]:
    """Return what FinHub got as context, request by request."""
    return [asked.get(b"traceparent") for asked in stage.origin.requests]


# ── on ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_request_is_followed_from_its_begin_to_its_end() -> None:
    async with traced(replying(OK)) as (stage, noting):
        assert (await stage.ask(GET)).status == 200
        (line,) = await stage.over()
        (trace,) = noting.traces
        method, path, fields = trace.began
        assert (method, path) == ("GET", "/a")
        assert [b"%b: %b" % pair for pair in fields if b"trace" in pair[0].lower() or pair[0] == b"baggage"] == [
            *CONTEXT
        ]
        assert trace.told == ["asks", 200, "over"]
        assert trace.event is line
        assert contexts(stage) == [[b"1"]]


@pytest.mark.parametrize("data", [GET, POST])
async def test_a_replay_is_an_attempt_of_its_own(data: bytes) -> None:
    async with traced(replying(REFUSED, OK)) as (stage, noting):
        assert (await stage.ask(data)).status == 200
        await stage.over()
        assert noting.traces[0].told == ["asks", 401, "asks", 200, "over"]
        assert contexts(stage) == [[b"1"], [b"2"]]


async def test_so_is_what_is_sent_again_since_its_connection_was_dead() -> None:
    async with traced(dying_when_reused()) as (stage, noting):
        for number in (1, 2):
            assert (await stage.ask(GET)).status == 200
            await stage.over(number)
        assert [trace.told for trace in noting.traces] == [["asks", 200, "over"], ["asks", "asks", 200, "over"]]
        assert contexts(stage) == [[b"1"], [b"1"], [b"2"]]


async def test_an_attempt_without_an_answer_ends_with_the_request() -> None:
    async with traced(slamming) as (stage, noting):
        assert (await stage.ask(POST)).status == 502
        await stage.over()
        assert noting.traces[0].told == ["asks", "over"]


async def test_a_request_that_is_refused_or_gets_no_token_has_no_attempt() -> None:
    trouble = TokenUnavailable("no", cause="connection_refused", remedy="wait", retry_after=1)
    async with traced(replying(OK), Plan(tokens=FakeTokens(trouble=trouble))) as (stage, noting):
        assert (await stage.ask(GET)).status == 503
        assert (await stage.ask(GET.replace(b"/a", b"/a/../b", 1))).status == 400
        await stage.over(2)
        assert [trace.told for trace in noting.traces] == [["over"], ["over"]]


async def test_traced_requests_are_not_asked_at_once_since_each_sending_has_a_context_of_its_own() -> None:
    async with traced(replying(OK)) as (stage, noting), stage.caller() as caller:
        for number in (1, 2, 3):
            await caller.send(GET)
            assert (await caller.reply()).status == 200
            await stage.over(number)
        assert [trace.told for trace in noting.traces] == [["asks", 200, "over"]] * 3


# ── off ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def asked_at_once(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    trips: list[object] = []
    ask = at_once.ask

    def watched(*args: object) -> object:
        trip = ask(*args)  # type: ignore[arg-type]  # as they came
        trips.extend([trip] if trip is not None else [])
        return trip

    monkeypatch.setattr(at_once, "ask", watched)
    return trips


@pytest.mark.parametrize("data", [GET, POST])
async def test_without_tracing_context_passes_byte_for_byte(data: bytes, asked_at_once: list[object]) -> None:
    plan = Plan(rules={"X-Tenant-ID": FieldRule(value="1234567", when="always")})
    async with staged(replying(OK), plan) as stage, stage.caller() as caller:
        for number in (1, 2):
            await caller.send(data)
            assert (await caller.reply()).status == 200
            await stage.over(number)
        await eventually(lambda: stage.gateway.traffic.in_flight == 0)
        for asked in stage.origin.requests:
            lines = [b"%b: %b" % pair for pair in asked.fields]
            assert [line for line in lines if line in CONTEXT] == [*CONTEXT]
            assert len([line for line in lines if b"trace" in line.lower()]) == 3
    assert len(asked_at_once) == (1 if data == GET else 0)


async def test_without_tracing_a_replay_carries_the_same_context() -> None:
    async with staged(replying(REFUSED, OK)) as stage:
        assert (await stage.ask(POST)).status == 200
        first, second = stage.origin.requests
        assert first.get(b"traceparent") == second.get(b"traceparent") == [CONTEXT[0].partition(b": ")[2]]
