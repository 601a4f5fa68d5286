"""Every environment and every generation of the login, from the first request to the last."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest
from calling import BALANCE, get, post

if TYPE_CHECKING:
    from collections.abc import Callable

    from staging import Stage

FIELDS = ("Content-Type", "sec-ch-ua-platform", "X-Forwarded-For", "User-Agent", "X-Tenant-ID")


def seconds_left(sidecar_status: dict[str, Any]) -> float:
    expires_at = dt.datetime.fromisoformat(sidecar_status["session"]["expires_at"])
    return (expires_at - dt.datetime.now(dt.UTC)).total_seconds()


def without_identity(stage: Stage) -> None:
    """Take the section out of the configuration, and the files with it."""
    text = stage.finhub.config.read_text()
    before, _, rest = text.partition("[identity]")
    stage.finhub.config.write_text(before + rest[rest.index("[credentials]") :])


def test_the_playground_works_over_plain_http_without_a_certificate(put_up: Callable[..., Stage]) -> None:
    stage = put_up(environment="playground")
    assert stage.finhub.emulator.url.startswith("http://")
    sidecar = stage.run()
    assert get(f"{sidecar.url}{BALANCE}").status == 200
    (login,) = stage.finhub.seen("/api/v2/auth/sandbox/token")
    assert (login.status, login.client_certificate) == (200, None)
    seen = stage.finhub.seen(BALANCE)[-1]
    assert [len(seen.values(name)) for name in (*FIELDS, "Authorization")] == [1] * 6
    status = sidecar.status()
    assert (status["environment"], status["identity"]) == ("playground", None)
    assert 9900 < seconds_left(status) <= 10000


def test_integration_works_without_a_client_certificate(put_up: Callable[..., Stage]) -> None:
    stage = put_up(environment="integration")
    without_identity(stage)
    sidecar = stage.run()
    assert get(f"{sidecar.url}{BALANCE}").status == 200
    seen = [*stage.finhub.seen("/api/v2/auth/token"), *stage.finhub.seen(BALANCE)]
    assert [(each.status, each.client_certificate) for each in seen] == [(200, None), (200, None)]
    assert 3500 < seconds_left(sidecar.status()) <= 3600


def test_production_without_a_client_certificate_does_not_start_and_says_what_to_do(stage: Stage) -> None:
    without_identity(stage)
    process = stage.start(["run", "--config", str(stage.finhub.config)])
    assert process.process.wait(30) == 3
    assert "identity.certificate_file" in process.stderr
    assert stage.finhub.counts.connections == 0


def v21(stage: Stage) -> dict[str, str]:
    account = stage.finhub.emulator.account
    return {
        "CREDENTIALS__USER_ID": account.user_id,
        "CREDENTIALS__TENANT_KEY": account.tenant_key,
        "CREDENTIALS__TENANT_SECRET_FILE": str(stage.finhub.folder / "tenant_secret"),
    }


@pytest.mark.parametrize(
    ("dialect", "whose", "login"),
    [
        ("v2.1-admin", "ORGANIZATION_ID", "/api/v2.1/admin/organization/4711/users/42/sessions"),
        ("v2.1-customer", "ORGANIZATION_ID", "/api/v2.1/customer/organization/4711/users/42/sessions"),
        ("v2.1-customer", "INDIVIDUAL_ID", "/api/v2.1/customer/individual/2001/users/42/sessions"),
    ],
)
def test_v21_logs_in_its_own_way_and_counts_by_the_tokens_hour_not_by_the_replys_day(
    stage: Stage, dialect: str, whose: str, login: str
) -> None:
    account = stage.finhub.emulator.account
    ids = {"ORGANIZATION_ID": account.organization_id, "INDIVIDUAL_ID": account.individual_id}
    sidecar = stage.run(SESSION__DIALECT=dialect, **v21(stage), **{f"CREDENTIALS__{whose}": ids[whose]})
    assert get(f"{sidecar.url}{BALANCE}").status == 200
    (seen,) = stage.finhub.seen(login)
    assert (seen.status, seen.client_certificate) == (200, "organizationName=8812345,commonName=finhub-sidecar")
    assert [len(seen.values(name)) for name in FIELDS] == [1] * 5
    assert 3500 < seconds_left(sidecar.status()) <= 3600
    (session_id,) = stage.finhub.seen(BALANCE)[-1].values("X-Session-ID")
    assert session_id == stage.finhub.issued[0].session_id


def test_v21_replays_a_revoked_token_after_a_login_of_its_own_kind(stage: Stage) -> None:
    organization = stage.finhub.emulator.account.organization_id
    sidecar = stage.run(SESSION__DIALECT="v2.1-admin", CREDENTIALS__ORGANIZATION_ID=organization, **v21(stage))
    get(f"{sidecar.url}{BALANCE}")
    stage.finhub.revoke()
    got = post(f"{sidecar.url}/api/echo", json.dumps({"amount": 1.10}).encode())
    assert got.status == 200
    counts = stage.finhub.counts
    assert (counts.logins, counts.refresh_attempts, counts.unauthorized) == (2, 0, 1)


def test_everything_can_be_configured_by_the_environment_alone(stage: Stage) -> None:
    account, folder = stage.finhub.emulator.account, stage.finhub.folder
    sidecar = stage.run_with(
        ["run"],
        ENVIRONMENT="production",
        UPSTREAM__URL=stage.finhub.emulator.url,
        UPSTREAM__CA_FILE=str(folder / "ca.crt"),
        IDENTITY__PKCS12_FILE=str(folder / "client.p12"),
        IDENTITY__KEY_PASSWORD_FILE=str(folder / "client.p12.password"),
        CREDENTIALS__USERNAME=account.username,
        CREDENTIALS__PASSWORD_FILE=str(folder / "password"),
        CREDENTIALS__CUSTOMER_ID=account.customer_id,
        CREDENTIALS__CUSTOMER_SECRET_FILE=str(folder / "customer_secret"),
        CREDENTIALS__ACCOUNT_TYPE="b2b",
        CREDENTIALS__GRANT_TYPE="password",
        CREDENTIALS__TENANT_ID=account.tenant_id,
    )
    assert get(f"{sidecar.url}{BALANCE}").status == 200
    assert stage.finhub.seen(BALANCE)[-1].client_certificate == "organizationName=8812345,commonName=finhub-sidecar"
