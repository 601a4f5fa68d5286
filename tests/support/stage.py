"""A gateway on a port of its own, between raw callers and a scripted upstream."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from faketokens import FakeTokens
from listening import on_port
from origin import Origin, Script, serving
from rawcaller import Caller, Heard, calling

from sidecar import events
from sidecar.config.finhub_side import FieldRule
from sidecar.gateway.body import Budget, Limits
from sidecar.gateway.caller_limits import CallerLimits
from sidecar.gateway.caller_server import CallerServer
from sidecar.gateway.fields import FieldPolicy
from sidecar.gateway.handler import Allowance, Gateway, Tools
from sidecar.gateway.lane import Lane
from sidecar.gateway.pace import Pace
from sidecar.gateway.shaping import Shaper
from sidecar.gateway.upstream import Bounds, Upstream
from sidecar.guard.policy import Policy
from sidecar.wire.tls import Tls

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

    from sidecar.config import finhub_side
    from sidecar.gateway.in_band import InBand
    from sidecar.gateway.own_calls import OwnCalls
    from sidecar.gateway.relocation import Relocation
    from sidecar.redact import Secret

PLAIN = Tls(context=None, presented=False)


class Clock:
    """Counts its readings, so that durations are never zero."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@dataclass(slots=True, kw_only=True)
class Plan:
    """All that a test may set; the defaults carry any request quickly."""

    rules: dict[str, FieldRule] = field(
        default_factory=lambda: {
            "X-Tenant-ID": FieldRule(value="1234567", when="always"),
            "X-Request-ID": FieldRule(value="{uuid}", when="absent"),
        }
    )
    tokens: FakeTokens = field(default_factory=FakeTokens)
    expired_when: str | None = None
    in_band: InBand | None = None
    own_paths: tuple[tuple[str | None, str], ...] = (("POST", "/api/v2/auth/token"),)
    own_calls: OwnCalls | None = None
    relocation: Relocation | None = None
    shaping: finhub_side.Limits | None = None
    connections: int = 10
    connect: float = 2.0
    response: float = 5.0
    idle: float = 5.0
    max_body: int = 256 << 20
    remembered: int = 1 << 20
    total: int = 64 << 20
    body_timeout: float = 5.0
    write_timeout: float = 60.0
    min_rate: int = 1
    max_requests: int = 512
    wait: float | None = None
    callers: CallerLimits = field(default_factory=CallerLimits)
    caller_key: Secret | None = None
    allow: tuple[str, ...] = ("* /**",)
    tls: Tls = PLAIN
    url: str | None = None
    upgrades: frozenset[bytes] = frozenset()

    def fields(self) -> FieldPolicy:
        return FieldPolicy.build(
            self.rules, tenant_id="1234567", client_ip="127.0.0.1", platform="Linux", version="0.0.0"
        )

    def policy(self) -> Policy:
        return Policy.build(
            allowed_hosts=["localhost"],
            allowed_origins=[],
            allowed_peers=[],
            caller_key=self.caller_key,
            own_paths=self.own_paths,
            allow=self.allow,
            max_body=self.max_body,
            max_fields=self.callers.max_fields,
            host_checked=True,
        )

    def limits(self) -> Limits:
        return Limits(max_body=self.max_body, remembered=self.remembered, pace=Pace(self.body_timeout, self.min_rate))

    def allowed(self) -> Allowance:
        return Allowance(
            body=self.limits(), taking=Pace(self.write_timeout, self.min_rate), max_requests=self.max_requests
        )

    def bounds(self) -> Bounds:
        return Bounds(
            connections=self.connections,
            wait=self.connect if self.wait is None else self.wait,
            connect=self.connect,
            response=self.response,
            idle=self.idle,
        )


@dataclass(slots=True, kw_only=True)
class Stage:
    """The parts, while they run."""

    gateway: Gateway
    upstream: Upstream
    origin: Origin
    tokens: FakeTokens
    budget: Budget
    told: list[events.Event]
    server: CallerServer
    port: int = 0

    async def stop(self) -> None:
        """End the caller's side, as the end of the process does."""
        await self.server.shutdown(0.1)

    def caller(self) -> contextlib.AbstractAsyncContextManager[Caller]:
        return calling(self.port)

    async def ask(self, data: bytes, *, bodiless: bool = False) -> Heard:
        """Send one request over a connection of its own, and return its reply."""
        async with self.caller() as caller:
            await caller.send(data)
            return await caller.reply(bodiless=bodiless)

    async def hear(self, data: bytes) -> Heard:
        """Send bytes over a connection of their own, and return all that comes until it ends."""
        async with self.caller() as caller:
            await caller.send(data)
            return await caller.rest()

    async def over(self, count: int = 1) -> list[events.Forwarded]:
        """Return the events of the requests told of, once there are `count`: the last one comes after its reply."""
        await eventually(lambda: len(self.lines()) >= count)
        return self.lines()

    def lines(self) -> list[events.Forwarded]:
        return [event for event in self.told if isinstance(event, events.Forwarded)]

    def bugs(self) -> list[events.Event]:
        return [event for event in self.told if not isinstance(event, events.Forwarded)]


@contextlib.asynccontextmanager
async def staged(script: Script, plan: Plan | None = None, tls: ssl.SSLContext | None = None) -> AsyncIterator[Stage]:
    """Run an upstream with `script` (over TLS with `tls`) and a gateway as planned in front of it."""
    plan = plan or Plan()
    async with contextlib.AsyncExitStack() as stack:
        origin = await stack.enter_async_context(serving(script, tls))
        upstream = Upstream(plan.url or origin.url, plan.bounds(), lambda: plan.tls)
        await stack.enter_async_context(upstream)
        stage = _assemble(plan, upstream, origin)
        stage.port = await stack.enter_async_context(on_port(stage.server))
        yield stage


def _assemble(plan: Plan, upstream: Upstream, origin: Origin) -> Stage:
    told: list[events.Event] = []
    lane = Lane(
        fields=plan.fields(),
        tokens=plan.tokens,
        upstream=upstream,
        expired_when=plan.expired_when,
        in_band=plan.in_band,
        shaper=None if plan.shaping is None else Shaper(plan.shaping),
        own_calls=plan.own_calls,
        relocation=plan.relocation,
        upgrades=plan.upgrades,
    )
    budget = Budget(plan.total)
    ids: Any = iter(f"00000000-0000-4000-8000-{number:012d}" for number in range(1, 10**6))
    tools = Tools(clock=Clock(), new_id=lambda: next(ids), emit=told.append)
    gateway = Gateway(lane, plan.policy(), plan.allowed(), budget, tools)
    return Stage(
        gateway=gateway,
        upstream=upstream,
        origin=origin,
        tokens=plan.tokens,
        budget=budget,
        told=told,
        server=CallerServer(gateway.handle, plan.callers, gateway.unread, gateway.ask_at_once, plan.upgrades),
    )


async def eventually(holds: Callable[[], bool]) -> None:
    """Return once `holds()`: for what another task does a moment later."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  # what is waited for has no event of its own  # what is waited for has no event of its own
            await asyncio.sleep(0.001)
