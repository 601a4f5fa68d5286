from __future__ import annotations

from sidecar.emulator.account import Account, fincard_login, v2_login, v21_login
from sidecar.redact import Secret

ACCOUNT = Account(
    username="ann",
    password=Secret("open sesame"),
    customer_id="client",
    customer_secret=Secret("hush hush"),
    tenant_id="77",
    customer="88",
    organization_id="1",
    individual_id="2",
    user_id="3",
    tenant_key="tk",
    tenant_secret=Secret("quiet now"),
)


def test_v2_wants_the_client_id_and_not_the_customer() -> None:
    assert v2_login(ACCOUNT) == {
        "username": "ann",
        "password": "open sesame",
        "customerId": "client",
        "customerSecret": "hush hush",
    }


def test_v21_wants_the_tenant_key_and_secret() -> None:
    assert v21_login(ACCOUNT) == {
        "username": "ann",
        "password": "open sesame",
        "tenantKey": "tk",
        "tenantSecret": "quiet now",
    }


def test_fincard_calls_the_user_name_an_email() -> None:
    assert fincard_login(ACCOUNT) == {"email": "ann", "password": "open sesame", "tenantId": "77"}


def test_an_account_does_not_show_its_secrets() -> None:
    assert all(secret not in repr(ACCOUNT) for secret in ("open sesame", "hush hush", "quiet now"))
