"""One tenant's parts from the configuration: dialect, fields, token source, upstream door; as one value, a lane."""

from __future__ import annotations

import platform
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sidecar import __version__
from sidecar.errors import ConfigError
from sidecar.gateway.fields import FieldPolicy
from sidecar.gateway.lane import Lane
from sidecar.gateway.upstream import Bounds, Upstream
from sidecar.session import calls, dialect_file
from sidecar.session.dialect import with_refresh_path, without_refresh
from sidecar.session.endpoint import Desk, HttpTokenEndpoint
from sidecar.session.source import MintingSource, Terms
from sidecar.session.state import Patience
from sidecar.session.token import Schedule
from sidecar.wire.clock import steady, utc_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.app.keeper import Keeper
    from sidecar.app.material import Material
    from sidecar.config.model import Config
    from sidecar.events import Emit
    from sidecar.session.calls import Credentials
    from sidecar.session.dialect import Dialect
    from sidecar.wire.client import Tls

_PLATFORMS: Final = {"Windows": "Windows", "Darwin": "macOS", "Linux": "Linux"}


def new_id() -> str:
    """Return a version-4 UUID, as X-Request-ID and its kin carry it."""
    return str(uuid.uuid4())


def dialect_of(config: Config) -> Dialect:
    """Return the dialect that the configuration names, with its refresh settings; ConfigError where it cannot be."""
    dialect = dialect_file.load(config.session.dialect)
    refresh = config.session.refresh
    if refresh.path is not None:
        dialect = with_refresh_path(dialect, refresh.path)
    return dialect if refresh.enabled else without_refresh(dialect)


def credentials_of(config: Config, material: Material) -> Credentials:
    """Return `[credentials]` by its keys, with the secrets in place of their references."""
    section = config.credentials
    plain = {name: getattr(section, name) for name in type(section).model_fields}
    return {**plain, **dict(material.secrets)}


def require_credentials(dialect: Dialect, credentials: Credentials) -> None:
    """Raise ConfigError unless everything that the dialect logs in with is set."""
    lacking = calls.missing(dialect, credentials)
    if lacking:
        lines = (
            f"credentials.{key}: not set; expected a value, since dialect {dialect.name} needs it" for key in lacking
        )
        raise ConfigError("\n".join(lines))


def fields_of(config: Config) -> FieldPolicy:
    """Return the lane's field table; ConfigError for a rule that cannot hold."""
    return FieldPolicy.build(
        config.fields,
        tenant_id=config.credentials.tenant_id,
        client_ip=config.session.client_ip,
        platform=_PLATFORMS.get(platform.system(), "Linux"),
        version=__version__,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What of a tenant can change while it serves."""

    fields: FieldPolicy
    credentials: Credentials
    terms: Terms
    expired_when: str | None


def choices(config: Config, material: Material, dialect: Dialect) -> Choices:
    """Return what `config` and the secrets in `material` choose; ConfigError where something is missing."""
    credentials = credentials_of(config, material)
    require_credentials(dialect, credentials)
    return Choices(
        fields=fields_of(config),
        credentials=credentials,
        terms=_terms(config),
        expired_when=config.session.expired_when,
    )


@dataclass(slots=True, kw_only=True)
class Tenant:
    """A lane and the parts of it that the assembly opens, feeds and closes."""

    lane: Lane
    source: MintingSource
    endpoint: HttpTokenEndpoint
    upstream: Upstream
    dialect: Dialect

    def use(self, chosen: Choices) -> None:
        """Serve by `chosen` from the next request on; what is on its way keeps the lane that it began with."""
        self.lane = Lane(
            fields=chosen.fields, tokens=self.source, upstream=self.upstream, expired_when=chosen.expired_when
        )
        self.endpoint.credentials = chosen.credentials
        self.source.terms = chosen.terms


def build(config: Config, keeper: Keeper, *, emit: Emit, jitter: Callable[[], float]) -> Tenant:
    """Return the tenant that `config` describes; nothing is opened yet. ConfigError where something is missing."""
    dialect = dialect_of(config)
    chosen = choices(config, keeper.standing.material, dialect)

    def tls() -> Tls:
        return keeper.standing.tls

    desk = Desk(
        origin=config.session.url,
        dialect=dialect,
        fields=lambda: tenant.lane.fields.own_call(new_id()),  # of the lane as it is at that moment
        tls=tls,
        connect=config.upstream.connect_timeout,
        response=config.upstream.response_timeout,
    )
    endpoint = HttpTokenEndpoint(desk, chosen.credentials, clock=steady, utc_now=utc_now)
    source = MintingSource(endpoint, chosen.terms, emit=emit, clock=steady, jitter=jitter)
    upstream = Upstream(config.upstream.url, _bounds(config), tls)
    lane = Lane(fields=chosen.fields, tokens=source, upstream=upstream, expired_when=chosen.expired_when)
    tenant = Tenant(lane=lane, source=source, endpoint=endpoint, upstream=upstream, dialect=dialect)
    return tenant


def _terms(config: Config) -> Terms:
    session = config.session
    return Terms(
        tenant=config.credentials.tenant_id or "",
        schedule=Schedule(margin=session.refresh.margin, default_lifetime=session.lifetime),
        patience=Patience(first=session.backoff.first, max=session.backoff.max, blocked_for=session.blocked_for),
        wait=session.wait,
        eager=session.login == "eager",
    )


def _bounds(config: Config) -> Bounds:
    upstream = config.upstream
    return Bounds(
        connections=upstream.max_connections,
        wait=upstream.wait,
        connect=upstream.connect_timeout,
        response=upstream.response_timeout,
        idle=upstream.idle_timeout,
    )
