"""What an emulator can be told, checked, and a made-up account for whom nobody names one."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass, field
from typing import Final

from sidecar.emulator.account import Account
from sidecar.emulator.environments import ENVIRONMENTS, Environment
from sidecar.errors import ConfigError
from sidecar.redact import Secret

_LONGEST_LIFETIME: Final = 31 * 86400.0
_HIGHEST_PORT: Final = 65535


def made_up_account() -> Account:
    """Return an account that only this process knows: its secrets are random."""
    return Account(
        username="demo.user@finhub.example",
        password=Secret(secrets.token_urlsafe(18)),
        customer_id="demo-client",
        customer_secret=Secret(secrets.token_urlsafe(24)),
        tenant_id="1234567",
        customer="8812345",
        organization_id="4711",
        individual_id="2001",
        user_id="42",
        tenant_key="demo-tenant-key",
        tenant_secret=Secret(secrets.token_urlsafe(24)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this FinHub behaves. Port 0 takes a free one; raises ConfigError where a value makes no sense.

    Attributes:
        token_lifetime: seconds; None for the environment's own (v2.1: one hour).
        token_calls: logins and refreshes a minute before 429; None for the environment's own, 0 for any number.
        customer_secret_required: False plays those pages on which integration and production leave
            `customerId` and `customerSecret` out of the login (CONTRACT.md §3).
        faults: fault specs that hold from the start, see `faults.py`.
        scenario: what happens when, the text of a file as in `scenario.py`.
    """

    environment: str = "production"
    host: str = "127.0.0.1"
    port: int = 0
    admin_port: int = 0
    token_lifetime: float | None = None
    token_calls: int | None = None
    customer_secret_required: bool = True
    faults: tuple[str, ...] = ()
    scenario: str = ""
    account: Account = field(default_factory=made_up_account)

    def __post_init__(self) -> None:
        problems = [*_environment_problems(self), *_number_problems(self)]
        if problems:
            raise ConfigError("\n".join(problems), remedy="Correct the values named above.")

    @property
    def rules(self) -> Environment:
        """Return the environment's row."""
        return ENVIRONMENTS[self.environment]


def _environment_problems(settings: Settings) -> list[str]:
    if settings.environment in ENVIRONMENTS:
        return []
    return [f"environment: found {settings.environment!r}, takes one of {', '.join(ENVIRONMENTS)}"]


def _number_problems(settings: Settings) -> list[str]:
    problems = [
        f"{name}: found {port}, takes 0 to {_HIGHEST_PORT}"
        for name, port in (("port", settings.port), ("admin_port", settings.admin_port))
        if not 0 <= port <= _HIGHEST_PORT
    ]
    lifetime = settings.token_lifetime
    if lifetime is not None and not (math.isfinite(lifetime) and 0 < lifetime <= _LONGEST_LIFETIME):
        problems.append(f"token_lifetime: found {lifetime}, takes seconds above 0 up to {_LONGEST_LIFETIME:.0f}")
    if settings.token_calls is not None and settings.token_calls < 0:
        problems.append(f"token_calls: found {settings.token_calls}, takes 0 (any number) or more")
    return problems
