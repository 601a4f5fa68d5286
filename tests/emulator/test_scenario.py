from __future__ import annotations

import pytest

from sidecar.emulator.scenario import DEEDS, Scenario, Step, parse
from sidecar.errors import ConfigError

EXPIRE = '[[step]]\nat = 60\ndo = "expire"\n'
STORM = '[[step]]\napi = 2\nfault = "api:status=429,times=5"\n'


def deeds(steps: list[Step]) -> list[str]:
    return [step.deed or (step.fault.spec if step.fault else "") for step in steps]


def test_a_file_is_read_step_by_step() -> None:
    timed, counted = parse(EXPIRE + STORM)
    assert (timed.scope, timed.number, timed.deed, timed.fault) == ("", 60, "expire", None)
    assert (counted.scope, counted.number, counted.deed) == ("api", 2, "")
    assert counted.fault is not None
    assert (counted.fault.status, counted.fault.times) == (429, 5)


@pytest.mark.parametrize("deed", DEEDS)
def test_every_deed_can_be_named(deed: str) -> None:
    assert [step.deed for step in parse(f'[[step]]\nlogin = 1\ndo = "{deed}"')] == [deed]


def test_nothing_is_a_scenario_too() -> None:
    assert parse("") == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("step =", "no TOML"),
        ("steps = []", r"takes \[\[step\]\] tables only"),
        ("step = 1", r"takes \[\[step\]\] tables only"),
        ("step = [1]", "step 1: takes a table"),
        ('[[step]]\nwhen = 1\ndo = "expire"', "'when' is none of at, login, refresh, logout, api, do, fault"),
        ('[[step]]\ndo = "expire"', "say when with one of at, login"),
        ('[[step]]\nat = 1\napi = 1\ndo = "expire"', "say when with one of at, login"),
        ("[[step]]\nat = 1", "say what with one of do, fault"),
        ('[[step]]\nat = 1\ndo = "expire"\nfault = "api:close"', "say what with one of do, fault"),
        ('[[step]]\nat = 1\ndo = "explode"', "do takes one of expire, revoke, .*, found 'explode'"),
        ('[[step]]\nat = -1\ndo = "expire"', "at takes seconds from 0"),
        ('[[step]]\nat = inf\ndo = "expire"', "at takes seconds from 0"),
        ('[[step]]\nat = true\ndo = "expire"', "at takes seconds from 0"),
        ('[[step]]\nat = "1"\ndo = "expire"', "at takes seconds from 0"),
        ('[[step]]\napi = 0\ndo = "expire"', "api takes the number of a call, from 1, found 0"),
        ('[[step]]\nlogin = 1.5\ndo = "expire"', "login takes the number of a call"),
        ('[[step]]\nlogin = true\ndo = "expire"', "login takes the number of a call"),
        ('[[step]]\nat = 1\nfault = "api:explode"', "step 1: fault 'api:explode'"),
        (EXPIRE + "[[step]]\n[[step]]\nat = 1", "(?s)step 2: .*step 3: "),
        ("[[step]]\n" * 1001, "1000 at most"),
    ],
)
def test_what_is_wrong_is_named(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse(text)


def test_a_timed_step_is_due_once_and_at_its_own_instant() -> None:
    scenario = Scenario(parse('[[step]]\nat = 90\ndo = "heal"\n' + EXPIRE), began=1000.0)
    assert scenario.due(1059.9) == []
    assert [(step.deed, instant) for step, instant in scenario.due(1200.0)] == [("expire", 1060.0), ("heal", 1090.0)]
    assert scenario.due(2000.0) == []


def test_a_counted_step_comes_before_the_call_of_its_number_and_kind() -> None:
    scenario = Scenario(parse(STORM + '[[step]]\nlogin = 1\ndo = "lockout"\n'), began=0.0)
    assert deeds(scenario.arrives("login")) == ["lockout"]
    assert scenario.arrives("login") == []
    assert scenario.arrives("api") == []
    assert deeds(scenario.arrives("api")) == ["api:status=429,times=5"]
    assert scenario.arrives("api") == []


def test_two_steps_before_one_call_happen_in_the_order_of_the_file() -> None:
    scenario = Scenario(parse('[[step]]\napi = 1\ndo = "heal"\n[[step]]\napi = 1\ndo = "lockout"\n'), began=0.0)
    assert deeds(scenario.arrives("api")) == ["heal", "lockout"]
