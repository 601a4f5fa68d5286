"""What the configuration and the secrets choose for a tenant, checked whole before anybody can call.

Thin: reads a dialect's file, and looks users up. Nothing here needs what carries requests, which takes long to load.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sidecar import __version__
from sidecar.app import material, tracing, users
from sidecar.errors import ConfigError
from sidecar.gateway.fields import FieldPolicy
from sidecar.guard.policy import Policy
from sidecar.session import calls, dialect_file
from sidecar.session.dialect import own_paths, with_refresh_path, without_refresh
from sidecar.session.source import Terms
from sidecar.session.state import Patience
from sidecar.session.token import Schedule
from sidecar.wire.proxy import proxy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sidecar.app.material import Material, Standing
    from sidecar.config.model import Config
    from sidecar.session.calls import Credentials
    from sidecar.session.dialect import Dialect
    from sidecar.wire.proxy import Proxy

_PLATFORMS: Final = {"Windows": "Windows", "Darwin": "macOS", "Linux": "Linux"}


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
    plain = {name: getattr(section, name) for name in section.members}
    return {**plain, **dict(material.secrets)}


def require_credentials(dialect: Dialect, credentials: Credentials) -> None:
    """Raise ConfigError unless everything that the dialect logs in with is set."""
    lacking = calls.missing(dialect, credentials)
    if lacking:
        lines = (
            f"credentials.{key}: not set; expected a value, since dialect {dialect.name} needs it" for key in lacking
        )
        raise ConfigError("\n".join(lines))


def proxy_of(config: Config, material: Material) -> Proxy | None:
    """Return the proxy on the way to FinHub, if there is one; SecretError where its credentials cannot be sent."""
    url = config.upstream.proxy
    return None if url is None else proxy(url, material.proxy_user, material.proxy_password)


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
    policy: Policy
    proxy: Proxy | None


def choices(config: Config, material: Material, dialect: Dialect) -> Choices:
    """Return what `config` and the secrets in `material` choose; ConfigError where something is missing. Blocking."""
    credentials = credentials_of(config, material)
    require_credentials(dialect, credentials)
    return Choices(
        fields=fields_of(config),
        credentials=credentials,
        terms=_terms(config),
        expired_when=config.session.expired_when,
        policy=_policy(config, material, dialect),
        proxy=proxy_of(config, material),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """All that can be wrong with what an operator gave, found right."""

    standing: Standing
    dialect: Dialect
    chosen: Choices


def ready(config: Config, environ: Mapping[str, str]) -> Ready:
    """Read identity, trust, secrets and dialect, blocking; ConfigError, SecretError or IdentityError as they raise."""
    tracing.require(config)
    standing = material.stand(config, material.read(config, environ))
    dialect = dialect_of(config)
    return Ready(standing=standing, dialect=dialect, chosen=choices(config, standing.material, dialect))


def _terms(config: Config) -> Terms:
    session = config.session
    return Terms(
        tenant=config.credentials.tenant_id or "",
        schedule=Schedule(margin=session.refresh.margin, default_lifetime=session.lifetime),
        patience=Patience(first=session.backoff.first, max=session.backoff.max, blocked_for=session.blocked_for),
        wait=session.wait,
        eager=session.login == "eager",
    )


def _policy(config: Config, material: Material, dialect: Dialect) -> Policy:
    listen = config.listen
    return Policy.build(
        allowed_hosts=listen.allowed_hosts,
        allowed_origins=listen.allowed_origins,
        allowed_peers=listen.allowed_peers,
        allowed_users=users.allowed(listen.allowed_users),
        caller_key=material.caller_key,
        own_paths=own_paths(dialect),
        allow=listen.allow,
        max_body=listen.max_body,
        max_fields=listen.max_fields,
        host_checked=listen.address.kind == "tcp",
    )
