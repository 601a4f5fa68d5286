from __future__ import annotations

import tomllib

import pytest

from sidecar.emulator.environments import INTEGRATION, PLAYGROUND, PRODUCTION, Environment
from sidecar.emulator.settings import made_up_account
from sidecar.emulator.toml import sidecar_toml


@pytest.mark.parametrize("rules", [PRODUCTION, INTEGRATION])
def test_the_configuration_names_files_and_no_secret(rules: Environment) -> None:
    account = made_up_account()
    text = sidecar_toml(account, rules, "https://localhost:1")
    content = tomllib.loads(text)
    assert content["environment"] == rules.name
    assert content["upstream"] == {"url": "https://localhost:1", "ca_file": "ca.crt"}
    assert content["identity"] == {"certificate_file": "client.crt", "key_file": "client.key"}
    assert content["credentials"]["password"] == {"file": "password"}
    assert content["credentials"]["customer_secret"] == {"file": "customer_secret"}
    assert account.password.reveal() not in text
    assert account.customer_secret.reveal() not in text


def test_the_playground_needs_no_certificate() -> None:
    content = tomllib.loads(sidecar_toml(made_up_account(), PLAYGROUND, "http://localhost:1"))
    assert "identity" not in content
    assert content["upstream"] == {"url": "http://localhost:1"}
