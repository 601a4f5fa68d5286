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


def test_a_timed_step_happens_at_its_own_instant_however_late_it_is_looked_at() -> None:
    time = [0.0]
    timed = State(Settings(scenario='[[step]]\nat = 60\ndo = "lockout"'), Clock(lambda: time[0], 0.0))
    time[0] = 100.0
    timed.keep_time()
    assert timed.lockout.left(100.0) == 1760.0
    timed.reset()
    timed.keep_time()
    assert timed.lockout.left(100.0) == 0.0
    time[0] = 160.0
    timed.arrives("api")
    assert timed.lockout.left(160.0) == 1800.0


def test_every_deed_does_what_it_says() -> None:
    live = state(Settings())
    live.sessions.open("42", 100.0, live.clock.instant(), refreshable=True)
    assert live.play('[[step]]\nlogin = 1\ndo = "expire"\n[[step]]\nlogin = 2\ndo = "revoke"') == 2
    live.arrives("login")
    assert (len(live.sessions), live.sessions.expire(0.0)) == (1, 0)
    live.arrives("login")
    assert len(live.sessions) == 0
    live.play('[[step]]\nlogin = 1\ndo = "certificate-expired"\n[[step]]\nlogin = 1\nfault = "api:close"')
    live.lockout.lock(0.0)
    live.arrives("login")
    assert (live.certificate_expired, live.faults.specs) == (True, ("api:close",))
    live.play('[[step]]\nlogin = 1\ndo = "heal"')
    live.arrives("login")
    assert (live.certificate_expired, live.faults.specs, live.lockout.left(0.0)) == (False, (), 0.0)


def test_a_scenario_may_have_more_faults_than_one_may_add() -> None:
    steps = '[[step]]\napi = 1\nfault = "api:close"\n' * 101
    full = state(Settings(scenario=steps))
    full.arrives("api")
    assert len(full.faults.specs) == 101


def test_no_certificate_can_expire_where_none_is_asked_for() -> None:
    with pytest.raises(ConfigError, match="playground takes no certificate"):
        state(Settings(environment="playground", scenario='[[step]]\nat = 1\ndo = "certificate-expired"'))
