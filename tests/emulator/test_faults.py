from __future__ import annotations

import pytest

from sidecar.emulator.faults import Fault, Faults, parse
from sidecar.errors import ConfigError


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ("login:status=500,times=5", {"scope": "login", "status": 500, "times": 5}),
        ("login:status=429,retry_after=3", {"scope": "login", "status": 429, "retry_after": 3}),
        ("refresh:status=404", {"scope": "refresh", "status": 404}),
        ("login:delay=2", {"scope": "login", "delay": 2.0}),
        ("api:cut=100", {"scope": "api", "cut": 100}),
        ("api:close,after=2,path=/api/*", {"scope": "api", "close": True, "after": 2, "path": "/api/*"}),
        ("login:garbage", {"scope": "login", "garbage": True}),
        ("logout:status=500 , delay=0.5", {"scope": "logout", "status": 500, "delay": 0.5}),
    ],
)
def test_a_spec_says_what_goes_wrong_where_and_how_often(spec: str, fault: dict[str, object]) -> None:
    assert parse(spec) == Fault(spec=spec, **fault)  # type: ignore[arg-type]  # a table's column


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("login", "begin with one of login:"),
        ("signin:close", "begin with one of login:"),
        ("login:", "'' is none of status"),
        ("login:explode", "'explode' is none of status"),
        ("login:status=abc", "a whole number from 200 to 599, found 'abc'"),
        ("login:status=99", "found '99'"),
        ("login:status=" + "9" * 5000, "a whole number"),
        ("login:status=²", "a whole number"),
        ("login:delay=-1", "seconds from 0 to 3600"),
        ("login:delay=nan", "seconds from 0 to 3600"),
        ("login:delay=soon", "seconds from 0 to 3600"),
        ("login:close=yes", "no value, found 'yes'"),
        ("login:close,path=api", "begins with / or *"),
        ("login:close,cut=1", "close and cut cannot both happen"),
        ("login:times=3", "say what happens"),
        ("login:delay=1,retry_after=3", "retry_after goes with status="),
    ],
)
def test_a_wrong_spec_is_told_what_would_be_right(spec: str, told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(spec)
    assert told in raised.value.detail
    assert "login:status=500" in raised.value.remedy


def taken(faults: Faults, count: int, scope: str = "api", path: str = "/a") -> list[int | None]:
    found = [faults.take(scope, path) for _ in range(count)]
    return [None if fault is None else fault.status for fault in found]


def test_a_fault_hits_its_scope_and_path_only() -> None:
    faults = Faults()
    faults.add(parse("api:status=500,path=/pay/*"))
    assert taken(faults, 1, path="/pay/a/b") == [500]
    assert taken(faults, 1, path="/balance") == [None]
    assert taken(faults, 1, scope="login", path="/pay/a") == [None]


def test_a_fault_waits_and_then_wears_out() -> None:
    faults = Faults()
    faults.add(parse("api:status=500,after=1,times=2"))
    assert taken(faults, 5) == [None, 500, 500, None, None]


def test_the_first_that_strikes_is_the_one() -> None:
    faults = Faults()
    faults.add(parse("api:status=500,times=1"))
    faults.add(parse("api:status=503"))
    assert taken(faults, 3) == [500, 503, 503]


def test_faults_can_be_listed_and_cleared() -> None:
    faults = Faults()
    faults.add(parse("api:status=500"))
    assert faults.specs == ("api:status=500",)
    faults.clear()
    assert (faults.specs, taken(faults, 1)) == ((), [None])


def test_there_is_an_end_to_faults() -> None:
    faults = Faults()
    for _ in range(100):
        faults.add(parse("api:close"))
    with pytest.raises(ConfigError):
        faults.add(parse("api:close"))
