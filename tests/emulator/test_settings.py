from __future__ import annotations

import math
from typing import Any

import pytest

from sidecar.emulator.settings import Settings, made_up_account
from sidecar.errors import ConfigError


def test_the_environment_decides_the_rules() -> None:
    assert Settings(environment="integration").rules.token_lifetime == 3600


def test_two_accounts_have_different_secrets() -> None:
    first, second = made_up_account(), made_up_account()
    assert first.password != second.password
    assert first.customer_secret != second.customer_secret
    assert first.tenant_secret != second.tenant_secret


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"environment": "moon"}, "environment: found 'moon'"),
        ({"port": -1}, "port: found -1"),
        ({"admin_port": 65536}, "admin_port: found 65536"),
        ({"token_lifetime": 0.0}, "token_lifetime: found 0.0"),
        ({"token_lifetime": math.nan}, "token_lifetime: found nan"),
        ({"token_lifetime": math.inf}, "token_lifetime: found inf"),
        ({"token_calls": -1}, "token_calls: found -1"),
    ],
)
def test_a_value_without_sense_is_named(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Settings(**wrong)
    assert raised.value.detail.startswith(named)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        Settings(environment="moon", port=-1, token_lifetime=-1.0)
    assert len(raised.value.detail.splitlines()) == 3
