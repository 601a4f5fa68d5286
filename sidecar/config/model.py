"""The whole configuration as one frozen value.

Pure: pydantic only. Made by `build` from plain tables, or by `load` from a file and the environment; whoever holds a
`Config` may rely on everything in it having been checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal, get_args

from pydantic import AfterValidator, Field

from sidecar.config.addresses import Address, Network
from sidecar.config.caller_side import Admin, Drain, Listen, Log, Replay
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
from sidecar.config.kinds import FieldName, Kind, Whole
from sidecar.config.refs import EnvRef, FileRef, SecretRef
from sidecar.config.section import Section

__all__ = [
    "DEFAULT_ENVIRONMENT",
    "ENVIRONMENTS",
    "Address",
    "Admin",
    "Backoff",
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
    "Upstream",
]

Environment = Literal["playground", "integration", "production"]
ENVIRONMENTS: Final[tuple[str, ...]] = get_args(Environment)
# Where nobody says which: the one with the strictest rules.
DEFAULT_ENVIRONMENT: Final = "production"

Fields = Annotated[Mapping[FieldName, FieldRule], AfterValidator(MappingProxyType), Kind.FIELDS]


class Config(Section):
    """All that an operator may choose. `session.url` is already resolved; `fields` cannot be changed."""

    environment: Environment = Field(
        default=DEFAULT_ENVIRONMENT, description="Which FinHub: picks defaults, and how strict the rules are."
    )
    workers: Whole = Field(default=1, ge=1, le=1, description="Processes that serve callers; this version has one.")
    listen: Listen = Field(default=Listen(), description="Where callers connect, and which callers.")
    admin: Admin = Field(default=Admin(), description="Where health, metrics, status and the controls are.")
    upstream: Upstream
    identity: Identity = Identity()
    credentials: Credentials = Credentials()
    session: Session
    fields: Fields = Field(
        default_factory=lambda: MappingProxyType({}),
        description="Header fields on their way to FinHub, added to the environment's table; names in any case.",
    )
    replay: Replay = Replay()
    log: Log = Log()
    drain: Drain = Drain()
    check: Check = Check()
    limits: Limits = Limits()

    @property
    def identity_required(self) -> bool:
        """Whether FinHub takes nobody without a client certificate: in production. Not for the operator to choose."""
        return self.environment == "production"

    @property
    def plain_http_allowed(self) -> bool:
        """Whether `http://` exists at all: in the playground. Not for the operator to choose."""
        return self.environment == "playground"
