from __future__ import annotations

import pytest

from sidecar.emulator.clock import Clock
from sidecar.emulator.settings import Settings
from sidecar.emulator.state import State
from sidecar.errors import ConfigError
from sidecar.redact import Secret


def state(settings: Settings) -> State:
    return State(settings, Clock(lambda: 0.0, 0.0))


def test_the_lifetime_is_the_environments_and_an_hour_for_v21() -> None:
    production = state(Settings())
    assert (production.token_lifetime, production.v21_token_lifetime) == (1800, 3600)


def test_a_lifetime_that_was_given_holds_for_all() -> None:
    short = state(Settings(token_lifetime=2.0))
    assert (short.token_lifetime, short.v21_token_lifetime) == (2.0, 2.0)


def test_other_secrets_can_become_the_right_ones_and_a_reset_brings_the_first_back() -> None:
    settings = Settings()
    changed = state(settings)
    changed.accept(password="another-9f3a")
    assert changed.account.password == Secret("another-9f3a")
    assert changed.account.customer_secret == settings.account.customer_secret
    changed.accept(customer_secret="and-another-9f3a")
    assert changed.account.password == Secret("another-9f3a")
    assert changed.account.customer_secret == Secret("and-another-9f3a")
    changed.reset()
    assert changed.account == settings.account


def test_a_reset_forgets_what_happened_and_keeps_the_faults_of_the_settings() -> None:
    used = state(Settings(faults=("api:close",)))
    used.counts.logins = 3
    used.faults.clear()
    used.reset()
    assert used.counts.logins == 0
    assert used.faults.specs == ("api:close",)


def test_a_wrong_fault_in_the_settings_is_told() -> None:
    with pytest.raises(ConfigError):
        state(Settings(faults=("api:explode",)))
