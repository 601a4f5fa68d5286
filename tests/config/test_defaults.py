from __future__ import annotations

import pytest

from sidecar.config.defaults import defaults
from sidecar.config.model import ENVIRONMENTS

REQUIRED = {"Content-Type", "sec-ch-ua-platform", "X-Forwarded-For", "User-Agent", "X-Tenant-ID"}


@pytest.mark.parametrize(
    ("environment", "url", "lifetime"),
    [
        ("playground", "http://playground.finhub.cloud:8080", 10_000),
        ("integration", "https://sandbox.finhub.cloud", 3600),
        ("production", "https://api.finhub.cloud", 1800),
    ],
)
def test_each_environment_brings_its_own_finhub(environment: str, url: str, lifetime: int) -> None:
    brought = defaults(environment)
    assert brought["upstream"] == {"url": url}
    assert brought["session"] == {"dialect": environment, "lifetime": lifetime}
    assert brought.keys() == {"upstream", "session", "fields"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_each_environment_sends_the_required_fields_and_its_tenant_always(environment: str) -> None:
    fields = defaults(environment)["fields"]
    assert fields.keys() >= REQUIRED
    assert fields["X-Tenant-ID"] == {"value": "{tenant_id}", "when": "always"}
    assert {rule["when"] for name, rule in fields.items() if name != "X-Tenant-ID"} == {"absent"}


def test_production_traces_requests() -> None:
    fields = defaults("production")["fields"]
    assert {name: rule["value"] for name, rule in fields.items() if name not in REQUIRED} == {
        "X-Request-ID": "{uuid}",
        "X-Correlation-ID": "{uuid}",
        "X-Activity-ID": "{uuid}",
        "X-Session-ID": "{session.id}",
    }


def test_nobody_can_change_the_defaults_of_another() -> None:
    defaults("production")["fields"].clear()
    assert defaults("production")["fields"]
