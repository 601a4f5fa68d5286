"""The one customer of this FinHub: who it is, and what it has to say to log in.

Pure. The secrets are `Secret`s: neither a log nor a traceback shows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sidecar.redact import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """All that FinHub hands out at onboarding, for every generation of its login.

    `customer_id` is the *client id* of the login request, `customer` the customer that the reply names
    (CONTRACT.md §3: one word, two meanings).
    """

    username: str
    password: Secret
    customer_id: str
    customer_secret: Secret
    tenant_id: str
    customer: str
    organization_id: str
    individual_id: str
    user_id: str
    tenant_key: str
    tenant_secret: Secret


def v2_login(account: Account) -> dict[str, str]:
    """Return what `POST /api/v2/auth/token` has to bring to be let in (production-authentication.txt)."""
    return {
        "username": account.username,
        "password": account.password.reveal(),
        "customerId": account.customer_id,
        "customerSecret": account.customer_secret.reveal(),
    }


def v21_login(account: Account) -> dict[str, str]:
    """Return what a v2.1 session has to bring (CONTRACT.md §3, second dialect)."""
    return {
        "username": account.username,
        "password": account.password.reveal(),
        "tenantKey": account.tenant_key,
        "tenantSecret": account.tenant_secret.reveal(),
    }


def fincard_login(account: Account) -> dict[str, str]:
    """Return what FinCard's login has to bring (CONTRACT.md §3, third dialect): the user name is the e-mail address."""
    return {
        "email": account.username,
        "password": account.password.reveal(),
        "tenantId": account.tenant_id,
    }
