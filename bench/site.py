"""What all proxies of one run share: the upstream's port, the certificates, the token, the fields to be set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

TOKEN: Final = "bench-session-token-that-is-as-long-as-an-opaque-one-may-be-0123456789"  # noqa: S105  # made up
TENANT: Final = "1234567"

FIELDS: Final = (
    "Authorization",
    "Content-Type",
    "sec-ch-ua-platform",
    "X-Forwarded-For",
    "User-Agent",
    "X-Tenant-ID",
    "X-Request-ID",
    "X-Correlation-ID",
    "X-Activity-ID",
    "X-Session-ID",
)
"""What FinHub asks of every request in production, and a caller that knows nothing of FinHub does not send."""

FIXED: Final = {
    "Authorization": f"Bearer {TOKEN}",
    "Content-Type": "application/json",
    "sec-ch-ua-platform": "Linux",
    "User-Agent": "Mozilla/5.0 (compatible; bench)",
    "X-Tenant-ID": TENANT,
    "X-Session-ID": "bench-session",
}
"""What the neighbours set, the same for every request. The three ids and the caller's address are made per request."""

PATH: Final = "/api/v2/accounts"
SEEN: Final = "/seen"
BULK: Final = "/bulk"
SINK: Final = "/sink"
BULK_BYTES: Final = 100_000_000


@dataclass(frozen=True, slots=True)
class Site:
    """Where the upstream listens on loopback, and the folder of the certificates."""

    upstream: int
    certificates: Path

    def file(self, name: str) -> str:
        """Return the path of a certificate or key."""
        return str(self.certificates / name)
