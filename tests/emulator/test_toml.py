from __future__ import annotations

import re
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


def test_what_v21_logs_in_with_is_there_to_be_uncommented() -> None:
    account = made_up_account()
    text = sidecar_toml(account, PRODUCTION, "https://localhost:1")
    shown = tomllib.loads(re.sub(r"^# (?=\w+ = )", "", text, flags=re.MULTILINE))["credentials"]
    assert (shown["organization_id"], shown["user_id"]) == (account.organization_id, account.user_id)
    assert (shown["tenant_key"], shown["tenant_secret"]) == (account.tenant_key, {"file": "tenant_secret"})
    assert shown.keys() - tomllib.loads(text)["credentials"].keys() == {
        "organization_id",
        "user_id",
        "tenant_key",
        "tenant_secret",
    }


def test_the_playground_needs_no_certificate() -> None:
    content = tomllib.loads(sidecar_toml(made_up_account(), PLAYGROUND, "http://localhost:1"))
    assert "identity" not in content
    assert content["upstream"] == {"url": "http://localhost:1"}
