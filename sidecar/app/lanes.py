"""One tenant's parts from the configuration: dialect, fields, token source, upstream door; as one value, a lane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sidecar.app.ids import new_id
from sidecar.gateway.lane import Lane
from sidecar.gateway.own_calls import OwnCalls
from sidecar.gateway.upstream import Bounds, Upstream
from sidecar.session.endpoint import Desk, HttpTokenEndpoint
from sidecar.session.in_band import InBand
from sidecar.session.source import MintingSource
from sidecar.session.stub import Stub
from sidecar.wire.clock import steady, utc_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.app.choices import Choices
    from sidecar.app.fleet import Fleet
    from sidecar.app.keeper import Keeper
    from sidecar.config.model import Config
    from sidecar.events import Emit
    from sidecar.gateway.relocation import Relocation
    from sidecar.gateway.shaping import Shaper
    from sidecar.observe.tracing import Tracing
    from sidecar.rawfields import RawFields
    from sidecar.session.dialect import Dialect
    from sidecar.session.scrub import Scrub
    from sidecar.wire.proxy import Proxy
    from sidecar.wire.tls import Tls


@dataclass(slots=True, kw_only=True)
class Tenant:
    """A lane and the parts of it that the assembly opens, feeds and closes; `under` as `Resident` has it."""

    lane: Lane
    source: MintingSource
    endpoint: HttpTokenEndpoint
    upstream: Upstream
    dialect: Dialect
    fleet: Fleet | None = None
    under: str = ""

    def use(self, chosen: Choices, config: Config) -> None:
        """Serve by `chosen`, and within the time-outs of `config`, from the next request on.

        What is on its way keeps the lane that it began with.
        """
        self.lane = Lane(
            fields=chosen.fields,
            tokens=self.source,
            upstream=self.upstream,
            expired_when=chosen.expired_when,
            tenant=chosen.terms.tenant,
            in_band=_in_band(self.dialect),
            shaper=self.lane.shaper,
            own_calls=_own_calls(config, chosen, self.dialect),
            relocation=_relocation(config, self.under),
            upgrades=self.lane.upgrades,
        )
        self.endpoint.credentials = chosen.credentials
        self.go_through(chosen.proxy)
        self.source.terms = chosen.terms
        if self.fleet is not None:
            self.fleet.use(chosen, config)
        self.upstream.bound_by(_bounds(config))
        self.endpoint.bound_by(connect=config.upstream.connect_timeout, response=config.upstream.response_timeout)

    def go_through(self, proxy: Proxy | None) -> None:
        """Let both doors take this way to FinHub from their next connection on."""
        self.endpoint.proxy = proxy
        self.upstream.go_through(proxy)


def build(
    config: Config,
    keeper: Keeper,
    dialect: Dialect,
    chosen: Choices,
    *,
    emit: Emit,
    jitter: Callable[[], float],
    tracing: Tracing | None = None,
    under: str = "",
) -> Tenant:
    """Return the tenant that `config` and what was `chosen` by it describe; nothing is opened yet."""

    def tls() -> Tls:
        return keeper.standing.tls

    def own_call() -> RawFields:
        fields = tenant.lane.fields.own_call(new_id())  # of the lane as it is at that moment
        return fields if tracing is None else tracing.own_call(fields)

    desk = Desk(
        origin=config.session.url,
        dialect=dialect,
        fields=own_call,
        tls=tls,
        connect=config.upstream.connect_timeout,
        response=config.upstream.response_timeout,
    )
    endpoint = HttpTokenEndpoint(desk, chosen.credentials, clock=steady, utc_now=utc_now)
    asked = endpoint if tracing is None else tracing.endpoint(endpoint, dialect)
    fleet = _fleet(config, keeper, dialect, chosen, emit=emit, jitter=jitter)
    share = None if fleet is None else fleet.share
    source = MintingSource(asked, chosen.terms, emit=emit, clock=steady, jitter=jitter, share=share)
    upstream = Upstream(config.upstream.url, _bounds(config), tls)
    lane = Lane(
        fields=chosen.fields,
        tokens=source,
        upstream=upstream,
        expired_when=chosen.expired_when,
        tenant=chosen.terms.tenant,
        in_band=_in_band(dialect),
        shaper=_shaper(config),
        own_calls=_own_calls(config, chosen, dialect),
        relocation=_relocation(config, under),
        upgrades=frozenset(name.encode() for name in config.upstream.upgrade),
    )
    tenant = Tenant(
        lane=lane, source=source, endpoint=endpoint, upstream=upstream, dialect=dialect, fleet=fleet, under=under
    )
    tenant.go_through(chosen.proxy)
    return tenant


def _fleet(
    config: Config, keeper: Keeper, dialect: Dialect, chosen: Choices, *, emit: Emit, jitter: Callable[[], float]
) -> Fleet | None:
    if chosen.ring is None:
        return None
    from sidecar.app import fleet  # noqa: PLC0415  # modules that most do without

    return fleet.build(config, keeper, dialect, chosen, emit=emit, jitter=jitter)


def _in_band(dialect: Dialect) -> InBand | None:
    return None if dialect.expired is None else InBand(dialect.expired)


def _own_calls(config: Config, chosen: Choices, dialect: Dialect) -> OwnCalls | None:
    """Return what becomes of a caller's own login; what other generations know of their paths, it knows too."""
    if config.session.login_endpoint == "refuse":
        return None
    stub = Stub.build(dialect, chosen.others, chosen.credentials)
    return OwnCalls(stub, _scrub(dialect) if config.session.login_endpoint == "pass" else None, utc_now)


def _scrub(dialect: Dialect) -> Scrub:
    from sidecar.session.scrub import Scrub  # noqa: PLC0415  # a module that most do without

    return Scrub(dialect.reply)


def _relocation(config: Config, under: str) -> Relocation | None:
    if not config.upstream.rewrite_location:
        return None
    from sidecar.gateway.relocation import Relocation  # noqa: PLC0415  # as above

    return Relocation.build(config.upstream.url, under)


def _shaper(config: Config) -> Shaper | None:
    if not config.limits.requests_per_second:
        return None
    from sidecar.gateway.shaping import Shaper  # noqa: PLC0415  # its library is eighteen modules that most do without

    return Shaper(config.limits)


def _bounds(config: Config) -> Bounds:
    upstream = config.upstream
    return Bounds(
        connections=upstream.max_connections,
        wait=upstream.wait,
        connect=upstream.connect_timeout,
        response=upstream.response_timeout,
        idle=upstream.idle_timeout,
    )
