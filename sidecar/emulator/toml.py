"""The sidecar configuration that fits this FinHub, as text. Paths are relative: they count from the file's own folder.

Pure.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sidecar.emulator.account import Account
    from sidecar.emulator.environments import Environment

_TEMPLATE: Final = """\
# A sidecar in front of the emulator that wrote this file, and writes it anew whenever it starts.
environment = {environment}

[listen]
address = "127.0.0.1:8080"

[admin]
address = "127.0.0.1:9901"

[upstream]
url = {url}
{trust}
[credentials]
username = {username}
password = {{ file = "password" }}
customer_id = {customer_id}
customer_secret = {{ file = "customer_secret" }}
account_type = "b2b"
grant_type = "password"
tenant_id = {tenant_id}
# For session.dialect = "v2.1-admin" or "v2.1-customer"; "fincard" needs no more than stands above.
# organization_id = {organization_id}
# user_id = {user_id}
# tenant_key = {tenant_key}
# tenant_secret = {{ file = "tenant_secret" }}

[check]
path = "/api/v2.1/fintrans/acc-1/balance"
"""

_TRUST: Final = """\
ca_file = "ca.crt"

[identity]
certificate_file = "client.crt"
key_file = "client.key"
"""


def sidecar_toml(account: Account, rules: Environment, url: str) -> str:
    """Return the configuration as TOML; secrets only by the names of their files."""
    return _TEMPLATE.format(
        environment=json.dumps(rules.name),
        url=json.dumps(url),
        trust=_TRUST if rules.scheme == "https" else "",
        username=json.dumps(account.username),
        customer_id=json.dumps(account.customer_id),
        tenant_id=json.dumps(account.tenant_id),
        organization_id=json.dumps(account.organization_id),
        user_id=json.dumps(account.user_id),
        tenant_key=json.dumps(account.tenant_key),
    )
