"""The least configuration of a sidecar before a FinHub in plain HTTP. Standard library only."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

ENVIRON: Final[Mapping[str, str]] = MappingProxyType({"PROOF_SECRET": "made-up-secret"})
"""The variables that the configuration refers to."""

GRANT: Final = json.dumps({"userSessionToken": "an-opaque-session-token", "expires_in": 3600}).encode()
"""What the login answers."""

_CONFIG: Final = """
environment = "playground"

[listen]
address = "{address}"
{listen}

[admin]
address = "{admin}"

[upstream]
url = "{url}"
{upstream}

[credentials]
username = "shop"
password = {{ env = "PROOF_SECRET" }}
customer_id = "client"
customer_secret = {{ env = "PROOF_SECRET" }}
tenant_id = "1234567"
"""


def configuration(
    url: str,
    *,
    address: str = "127.0.0.1:0",
    admin: str = "127.0.0.1:0",
    listen: str = "",
    upstream: str = "",
    more: str = "",
) -> str:
    """Return TOML for a FinHub at `url`; `listen` and `upstream` are further lines of these, `more` follows it all."""
    return _CONFIG.format(url=url, address=address, admin=admin, listen=listen, upstream=upstream) + more
