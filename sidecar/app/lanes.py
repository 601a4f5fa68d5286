"""One tenant's parts from the configuration: dialect, fields, token source, upstream door; as one value, a lane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sidecar.app.ids import new_id
from sidecar.gateway.lane import Lane
from sidecar.gateway.upstream import Bounds, Upstream
from sidecar.session.endpoint import Desk, HttpTokenEndpoint
from sidecar.session.in_band import InBand
from sidecar.session.source import MintingSource
from sidecar.wire.clock import steady, utc_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.app.choices import Choices
    from sidecar.app.keeper import Keeper
    from sidecar.config.model import Config
    from sidecar.events import Emit
    from sidecar.gateway.shaping import Shaper
    from sidecar.observe.tracing import Tracing
    from sidecar.rawfields import RawFields
    from sidecar.session.dialect import Dialect
    from sidecar.wire.proxy import Proxy
    from sidecar.wire.tls import Tls


@dataclass(slots=True, kw_only=True)
class Tenant:
    """A lane and the parts of it that the assembly opens, feeds and closes."""

    lane: Lane
    source: MintingSource
    endpoint: HttpTokenEndpoint
    upstream: Upstream
    dialect: Dialect

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
        )
        self.endpoint.credentials = chosen.credentials
        self.go_through(chosen.proxy)
        self.source.terms = chosen.terms
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
    source = MintingSource(asked, chosen.terms, emit=emit, clock=steady, jitter=jitter)
    upstream = Upstream(config.upstream.url, _bounds(config), tls)
    lane = Lane(
        fields=chosen.fields,
        tokens=source,
        upstream=upstream,
        expired_when=chosen.expired_when,
        tenant=chosen.terms.tenant,
        in_band=_in_band(dialect),
        shaper=_shaper(config),
    )
    tenant = Tenant(lane=lane, source=source, endpoint=endpoint, upstream=upstream, dialect=dialect)
    tenant.go_through(chosen.proxy)
    return tenant


def _in_band(dialect: Dialect) -> InBand | None:
    return None if dialect.expired is None else InBand(dialect.expired)


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
