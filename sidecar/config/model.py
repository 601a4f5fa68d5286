"""The whole configuration as one frozen value.

Pure. Made by `build` from plain tables, or by `load` from a file and the environment; whoever holds a
`Config` may rely on everything in it having been checked.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, get_args

from sidecar.config.addresses import Address, Network
from sidecar.config.caller_side import Admin, Audit, Drain, Listen, Log, Replay, Tracing
from sidecar.config.finhub_side import (
    Backoff,
    Check,
    Credentials,
    FieldRule,
    Identity,
    Limits,
    Refresh,
    Session,
    Upstream,
)
from sidecar.config.kinds import by_field, choice, table, tables, whole
from sidecar.config.refs import EnvRef, FileRef, SecretRef
from sidecar.config.section import Section, key
from sidecar.config.tenants import ByField, Tenant

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DEFAULT_ENVIRONMENT",
    "ENVIRONMENTS",
    "Address",
    "Admin",
    "Audit",
    "Backoff",
    "ByField",
    "Check",
    "Config",
    "Credentials",
    "Drain",
    "EnvRef",
    "Environment",
    "FieldRule",
    "FileRef",
    "Identity",
    "Limits",
    "Listen",
    "Log",
    "Network",
    "Refresh",
    "Replay",
    "SecretRef",
    "Section",
    "Session",
    "Tenant",
    "Tracing",
    "Upstream",
]

Environment = Literal["playground", "integration", "production"]
ENVIRONMENTS: Final[tuple[str, ...]] = get_args(Environment)
# Where nobody says which: the one with the strictest rules.
DEFAULT_ENVIRONMENT: Final = "production"


class Config(Section):
    """All that an operator may choose. `session.url` is already resolved; `fields` cannot be changed."""

    environment: Environment = key(
        choice("playground", "integration", "production"),
        "Which FinHub: picks defaults, and how strict the rules are.",
        default=DEFAULT_ENVIRONMENT,
    )
    workers: int = key(whole(1, 1), "Processes that serve callers; this version has one.", default=1)
    listen: Listen = key(table(Listen), "Where callers connect, and which callers.", default=Listen())
    admin: Admin = key(table(Admin), "Where health, metrics, status and the controls are.", default=Admin())
    upstream: Upstream = key(table(Upstream))
    identity: Identity = key(table(Identity), default=Identity())
    credentials: Credentials = key(table(Credentials), default=Credentials())
    session: Session = key(table(Session))
    fields: Mapping[str, FieldRule] = key(
        by_field(FieldRule),
        "Header fields on their way to FinHub, added to the environment's table; names in any case.",
        default=MappingProxyType({}),
    )
    replay: Replay = key(table(Replay), default=Replay())
    log: Log = key(table(Log), default=Log())
    drain: Drain = key(table(Drain), default=Drain())
    check: Check = key(table(Check), default=Check())
    limits: Limits = key(table(Limits), default=Limits())
    audit: Audit = key(table(Audit), default=Audit())
    tracing: Tracing = key(table(Tracing), default=Tracing())
    tenants: tuple[Tenant, ...] = key(
        tables(Tenant),
        "Several tenants, a lane each. What a tenant's tables leave out comes from the top level.",
        default=(),
    )

    @property
    def identity_required(self) -> bool:
        """Whether FinHub takes nobody without a client certificate: in production. Not for the operator to choose."""
        return self.environment == "production"

    @property
    def plain_http_allowed(self) -> bool:
        """Whether `http://` exists at all: in the playground. Not for the operator to choose."""
        return self.environment == "playground"
