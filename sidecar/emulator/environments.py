"""What differs between FinHub's environments (CONTRACT.md §1), as a table.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

ClientCertificate = Literal["none", "optional", "required"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One row: `token_lifetime` in seconds; `token_calls` a minute at the token endpoint, 0 for any number."""

    name: str
    client_certificate: ClientCertificate
    token_lifetime: float
    token_calls: int
    refreshable: bool
    login_paths: tuple[str, ...]

    @property
    def scheme(self) -> str:
        """Return the URL scheme: only the playground is without TLS."""
        return "http" if self.client_certificate == "none" else "https"


PLAYGROUND: Final = Environment(
    name="playground",
    client_certificate="none",
    token_lifetime=10000,
    token_calls=0,
    refreshable=False,
    login_paths=("/api/v2/auth/sandbox/token",),
)
INTEGRATION: Final = Environment(
    name="integration",
    client_certificate="optional",
    token_lifetime=3600,
    token_calls=240,
    refreshable=True,
    login_paths=("/api/v2/auth/token", "/api/v2/auth/sandbox/token"),
)
PRODUCTION: Final = Environment(
    name="production",
    client_certificate="required",
    token_lifetime=1800,
    token_calls=60,
    refreshable=True,
    login_paths=("/api/v2/auth/token",),
)

ENVIRONMENTS: Final = {row.name: row for row in (PLAYGROUND, INTEGRATION, PRODUCTION)}
