"""One tenant, kept up to date: what stands for it, its lane, the gateway that carries its requests, its counters.

Nothing here knows how many tenants there are, or that another one exists.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sidecar.admin.health import Vitals
from sidecar.app import choices, lanes, status, tracing
from sidecar.app import scrape as scraping
from sidecar.app.ids import new_id
from sidecar.app.keeper import MAKES_TLS, Keeper
from sidecar.app.oncall import OnCall, Seen
from sidecar.app.revision import keeps_token, wants_login
from sidecar.gateway.body import Limits
from sidecar.gateway.handler import Allowance, Gateway, Tools
from sidecar.gateway.pace import Pace
from sidecar.wire.clock import steady, utc_now

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping

    from sidecar.app.choices import Choices, Ready
    from sidecar.app.material import Standing
    from sidecar.app.share import Share
    from sidecar.config.model import Config
    from sidecar.config.residents import Resident
    from sidecar.errors import SidecarError
    from sidecar.events import Emit
    from sidecar.gateway.at_once import Trip
    from sidecar.gateway.body import Budget
    from sidecar.gateway.caller_request import CallerRequest
    from sidecar.observe.metrics import Metrics, Readings


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What a tenant has of the process that it lives in.

    Attributes:
        emit: tells all who listen to this tenant.
        metrics, on_call: what is counted and remembered of it.
        budget: for the bodies that are remembered.
        share: of the requests at one time.
        in_use: is told of a configuration that is in use from now on, once there is a gateway by it.
        run: runs something beside the event loop's other tasks, until its end or that of the process.
        reread: reads the tenant's configuration again, blocking; None where it stays.
    """

    emit: Emit
    metrics: Metrics
    on_call: OnCall
    budget: Budget
    share: Share
    in_use: Callable[[Config], None]
    run: Callable[[Coroutine[Any, Any, None], str], None]
    reread: Callable[[], Config] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """How it goes with the process itself; see `Vitals` and `diagnosis.Facts`."""

    started: bool = True
    draining: bool = False
    barred: str = ""
    audit: str = ""
    works: bool = True


class Tenancy:
    """One tenant. Open it with `async with`.

    Attributes:
        resident: its name and table, and the configuration that it began with.
        keeper: what stands for it.
        tenant: its lane and the parts of it.
        gateway: what carries its requests; another one when its configuration changes.
        metrics, on_call: what was counted and is remembered of it.
        tracing: what traces its requests, if anybody does.
        listen: the address of a listener of its own, "" where it has none.
    """

    def __init__(self, resident: Resident, ready: Ready, environ: Mapping[str, str], house: House) -> None:
        config = resident.config
        self.resident = resident
        self.metrics, self.on_call = house.metrics, house.on_call
        self.listen = "" if resident.tenant is None else str(resident.tenant.listen or "")
        self._house = house
        name = "" if resident.tenant is None else resident.name
        self.keeper = Keeper(config, environ, ready.standing, house.emit, house.reread, tenant=name)
        self.keeper.prepare = self._prepare
        self.tracing = tracing.build(config)
        self.tenant = lanes.build(
            config,
            self.keeper,
            ready.dialect,
            ready.chosen,
            emit=house.emit,
            jitter=random.random,
            tracing=self.tracing,
            under=resident.under,
        )
        self.gateway = self._gateway(config, ready.chosen)
        house.share.of(self.gateway.traffic)

    @property
    def name(self) -> str:
        """Return what it is called; see `Resident`."""
        return self.resident.name

    @property
    def config(self) -> Config:
        """Return the configuration in use, as if there were no other tenant."""
        return self.keeper.config

    @property
    def is_eager(self) -> bool:
        """Tell whether it logs in before a caller comes."""
        return self.config.session.login == "eager"

    def handle(self, request: CallerRequest) -> Awaitable[None]:
        """Carry one caller's request."""
        return self.gateway.handle(request)

    def ask_at_once(self, request: CallerRequest) -> Trip | None:
        """Carry one caller's request without a task, where it can be."""
        return self.gateway.ask_at_once(request)

    def unread(self, error: SidecarError, request_id: str) -> None:
        """Note a caller that was refused before it had sent a request that could be read."""
        self.gateway.unread(error, request_id)

    # ── life ────────────────────────────────────────────────────────────────────────────────────────────────

    async def open(self, stack: contextlib.AsyncExitStack) -> None:
        """Open its doors to FinHub, which `stack` closes."""
        await stack.enter_async_context(self.tenant.upstream)
        await stack.enter_async_context(self.tenant.endpoint)
        if self.tenant.fleet is not None:
            await stack.enter_async_context(self.tenant.fleet)
        stack.push_async_callback(self.send_spans)

    async def leave(self) -> None:
        """Log out where `session.logout` says so, and send the last spans."""
        await asyncio.gather(self.tenant.source.close(logout=self.config.session.logout), self.send_spans())

    async def send_spans(self) -> None:
        """Send the spans that wait, and make no more."""
        if self.tracing is not None:
            await self.tracing.close()

    # ── what it tells ───────────────────────────────────────────────────────────────────────────────────────

    def vitals(self, going: Going) -> Vitals:
        """Return what the probes judge by."""
        shown, identity = self.tenant.source.session(), self.keeper.standing.identity
        return Vitals(
            started=going.started,
            draining=going.draining,
            identity_in_date=identity is None or datetime.now(UTC) < identity.not_after,
            token_alive=shown.expires_at is not None and steady() < shown.expires_at,
            lazy=not self.is_eager,
            blocked=shown.word == "BLOCKED",
            session=shown.word,
            barred=going.barred,
            tenant="" if self.resident.tenant is None else self.name,
        )

    def session(self) -> dict[str, Any]:
        """Return what `/status` shows of its session."""
        shown, fleet = self.tenant.source.session(), self.tenant.fleet
        store = {} if fleet is None else {"store": fleet.shown()}
        return {**status.session(shown, self.name or None, steady_now=steady(), utc_now=utc_now()), **store}

    def identity(self) -> dict[str, Any] | None:
        """Return what `/status` shows of its certificate."""
        return status.identity(self.keeper.standing.identity, datetime.now(UTC))

    def upstream(self) -> dict[str, Any]:
        """Return what `/status` shows of its FinHub."""
        return {"url": self.tenant.upstream.origin, "connections": self.tenant.upstream.busy}

    def shown(self) -> dict[str, Any]:
        """Return what `/status` shows of it among several."""
        return {
            **self.session(),
            "listen": self.listen or None,
            "identity": self.identity(),
            "upstream": self.upstream(),
            "requests": status.requests(self.gateway.traffic),
        }

    def seen(self, going: Going) -> Seen:
        """Return what is seen of it at this moment."""
        return Seen(
            session=self.tenant.source.session(),
            lazy=not self.is_eager,
            identity=self.keeper.standing.identity,
            draining=going.draining,
            waiting=self.tenant.upstream.waiting,
            most=self.config.upstream.max_connections,
            broken=self.keeper.broken,
            audit=going.audit,
            barred=going.barred,
            works=going.works,
        )

    def readings(self, now: scraping.Now) -> Readings:
        """Return what its gauges show now."""
        return scraping.readings(self.config, self.tenant, self.keeper.standing.identity, now)

    def counted(self, going: Going) -> tuple[Metrics, Readings]:
        """Return its counters, and what its gauges show among those of several."""
        return self.metrics, self.readings(scraping.Now(self.vitals(going), self.gateway.traffic.in_flight))

    # ── wiring ──────────────────────────────────────────────────────────────────────────────────────────────

    def _prepare(self, config: Config, standing: Standing) -> Callable[[Collection[str]], None]:
        """Return what takes `config` and `standing` into use; ConfigError where they cannot be."""
        chosen = choices.choices(config, standing.material, self.tenant.dialect, self.name)

        def take(what: Collection[str]) -> None:
            self.tenant.use(chosen, config)
            before, self.gateway = self.gateway, self._gateway(config, chosen)
            self.gateway.traffic = before.traffic
            self._house.in_use(config)
            if not MAKES_TLS.isdisjoint(what):
                self.warm_up()
            if wants_login(what):
                self.tenant.source.changed(keeps_token=keeps_token(what))

        return take

    def warm_up(self) -> None:
        """Have a connection to FinHub ready for the first request; a lazy session has none before it is asked for."""
        if self.is_eager:
            self._house.run(self.tenant.upstream.warm(), "warm connection")

    def _gateway(self, config: Config, chosen: Choices) -> Gateway:
        listen = config.listen
        allowed = Allowance(
            body=Limits(
                max_body=listen.max_body,
                remembered=config.replay.max_body,
                pace=Pace(listen.body_timeout, listen.min_rate),
            ),
            taking=Pace(listen.write_timeout, listen.min_rate),
            max_requests=self._house.share.sure(listen.max_requests),
            more=self._house.share.more(listen.max_requests),
        )
        tools = Tools(clock=steady, new_id=new_id, emit=self._house.emit, tracing=self.tracing)
        return Gateway(self.tenant.lane, chosen.policy, allowed, self._house.budget, tools)
