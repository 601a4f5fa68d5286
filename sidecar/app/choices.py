"""What the configuration and the secrets choose for a tenant, checked whole before anybody can call.

Thin: reads a dialect's file, and looks users up. Nothing here needs what carries requests, which takes long to load.
"""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sidecar import __version__
from sidecar.app import material, tracing, users
from sidecar.config.problems import dotted
from sidecar.config.residents import residents
from sidecar.config.storing import place
from sidecar.config.tenants import SECTIONS
from sidecar.errors import ConfigError, SidecarError
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
    from sidecar.config.residents import Resident
    from sidecar.session.calls import Credentials
    from sidecar.session.dialect import Dialect
    from sidecar.session.store.sealed import KeyRing
    from sidecar.wire.proxy import Proxy

_KEY: Final = re.compile(rf"(?:{'|'.join(SECTIONS)})\.")
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
    """What of a tenant can change while it serves.

    `others` are all generations that there are; `ring` are the keys of a session that is stored, None where none is.
    """

    fields: FieldPolicy
    credentials: Credentials
    terms: Terms
    expired_when: str | None
    policy: Policy
    proxy: Proxy | None
    others: tuple[Dialect, ...]
    ring: KeyRing | None = None


def choices(config: Config, material: Material, dialect: Dialect, tenant: str | None = None) -> Choices:
    """Return what `config` and the secrets in `material` choose for the tenant of this name; blocking.

    Without a name it is called as FinHub calls it.

    Raises:
        ConfigError: something is missing.
    """
    credentials = credentials_of(config, material)
    require_credentials(dialect, credentials)
    return Choices(
        fields=fields_of(config),
        credentials=credentials,
        terms=_terms(config, (config.credentials.tenant_id or "") if tenant is None else tenant),
        expired_when=config.session.expired_when,
        policy=_policy(config, material, dialect),
        proxy=proxy_of(config, material),
        others=dialect_file.generations(),
        ring=_ring(config, material),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """All that can be wrong with what an operator gave, found right."""

    standing: Standing
    dialect: Dialect
    chosen: Choices


def ready(config: Config, environ: Mapping[str, str]) -> tuple[Ready, ...]:
    """Read identity, trust, secrets and dialect of every tenant, in the order of `residents`; blocking.

    Raises:
        ConfigError, SecretError, IdentityError: the first tenant's that cannot be served, which it names.
    """
    tracing.require(config)
    known = residents(config)
    return tuple(
        _ready(index, resident, material.seen_by(resident, known, environ)) for index, resident in enumerate(known)
    )


def _ready(index: int, resident: Resident, environ: Mapping[str, str]) -> Ready:
    config = resident.config
    try:
        standing = material.stand(config, material.read(config, environ))
        dialect = dialect_of(config)
        chosen = choices(config, standing.material, dialect, resident.name)
    except SidecarError as error:
        if resident.tenant is not None:
            error.told_as(named(error.detail, index, resident.name))
        raise
    return Ready(standing=standing, dialect=dialect, chosen=chosen)


def named(detail: str, index: int, tenant: str) -> str:
    """Return what is wrong with one tenant of several: a key's line by its place in the file, any other by the name."""
    lines = (
        f"{dotted(('tenants', index))}.{line}" if _KEY.match(line) else f"tenant {tenant}: {line}"
        for line in detail.splitlines()
    )
    return "\n".join(lines)


def _terms(config: Config, tenant: str) -> Terms:
    session = config.session
    return Terms(
        tenant=tenant,
        schedule=Schedule(margin=session.refresh.margin, default_lifetime=session.lifetime),
        patience=Patience(first=session.backoff.first, max=session.backoff.max, blocked_for=session.blocked_for),
        wait=session.wait,
        eager=session.login == "eager",
    )


def _ring(config: Config, material: Material) -> KeyRing | None:
    if not place(config.session.store).is_shared:
        return None
    from sidecar.app import store_key  # noqa: PLC0415  # modules that most do without

    return store_key.ring(config, material)


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
