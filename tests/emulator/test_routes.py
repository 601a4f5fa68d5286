from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sidecar.emulator.clock import Clock
from sidecar.emulator.routes import application
from sidecar.emulator.settings import Settings
from sidecar.emulator.state import State

if TYPE_CHECKING:
    from aiohttp.web import Application


def paths(app: Application) -> set[str]:
    return {resource.canonical for resource in app.router.resources()}


@pytest.mark.parametrize(
    ("environment", "there", "not_there"),
    [
        ("playground", {"/api/v2/auth/sandbox/token"}, {"/api/v2/auth/token", "/api/v2/auth/token/refresh"}),
        ("integration", {"/api/v2/auth/sandbox/token", "/api/v2/auth/token", "/api/v2/auth/token/refresh"}, set()),
        ("production", {"/api/v2/auth/token", "/api/v2/auth/token/refresh"}, {"/api/v2/auth/sandbox/token"}),
    ],
)
def test_each_environment_has_its_token_endpoints(environment: str, there: set[str], not_there: set[str]) -> None:
    found = paths(application(State(Settings(environment=environment), Clock(lambda: 0.0, 0.0))))
    assert there <= found
    assert not found & not_there


def test_everything_of_the_contract_is_there() -> None:
    assert paths(application(State(Settings(), Clock(lambda: 0.0, 0.0)))) >= {
        "/api/v2/auth/logout",
        "/api/v2.1/admin/organization/{organizationId}/users/{userId}/sessions",
        "/api/v2.1/customer/individual/{individualId}/users/{userId}/sessions",
        "/api/v2.1/wallets/{walletId}/balance",
        "/api/v2.1/fintrans/{accountId}/balance",
        "/api/v2.1/fintrans/{accountId}/types/{kind}/prepare",
        "/api/v2.1/fintrans/{accountId}/types/{kind}/execute",
        "/api/v2.1/customer/individual/{customerId}/documents",
        "/api/v2.1/fincard/virtual/account/list",
        "/api/v2.1/webhooks/subscriptions",
    }
