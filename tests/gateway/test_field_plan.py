from __future__ import annotations

from dataclasses import dataclass

import pytest

from sidecar.errors import ConfigError
from sidecar.gateway.field_plan import Table
from sidecar.gateway.field_table import fold, settings
from sidecar.rawfields import RawFields, names_of

KNOWN = {"tenant_id": "77"}
UUID = b"11111111-2222-4333-8444-555555555555"


@dataclass(frozen=True)
class Rule:
    value: str | None = None
    when: str = "absent"
    remove: bool = False


def table(**rules: Rule) -> Table:
    named = {name.replace("__", "-"): rule for name, rule in rules.items()}
    dropped = frozenset({b"authorization", *(name.lower().encode() for name, rule in named.items() if rule.remove)})
    exact = frozenset(name.lower().encode() for name in named)
    return Table(settings(named, KNOWN), KNOWN, dropped, exact, frozenset(fold(key) for key in dropped | exact))


def planned(made: Table, caller: RawFields, *, named: tuple[bytes, ...] = ()) -> list[tuple[bytes, bytes]]:
    return made.plan(names_of(caller), len(caller), "10.0.0.1", "s-1", named).apply(caller, UUID)


def test_what_is_ours_stands_behind_what_passes_in_the_tables_order() -> None:
    made = table(X__Id=Rule("{uuid}"), X__Tenant=Rule("{tenant_id}"), X__Both=Rule("{session.id}/{uuid}/{uuid}"))
    assert planned(made, ((b"Authorization", b"x"), (b"Accept", b"*/*"))) == [
        (b"Accept", b"*/*"),
        (b"X-Id", UUID),
        (b"X-Tenant", b"77"),
        (b"X-Both", b"s-1/%b/%b" % (UUID, UUID)),
    ]


def test_a_plan_serves_every_request_with_these_names_and_each_gets_its_own_uuid() -> None:
    made = table(X__Id=Rule("{uuid}"), X__Seen=Rule("{uuid}", "append"))
    plan = made.plan(b"X-Seen\nA", 2, None, None)
    for number in (b"1", b"2"):
        caller = ((b"X-Seen", number), (b"A", number))
        assert plan.apply(caller, b"u" + number) == [
            (b"X-Seen", number + b", u" + number),
            (b"A", number),
            (b"X-Id", b"u" + number),
        ]


@pytest.mark.parametrize(("present", "value"), [(b"1", b"1, 77"), (b" ", b"77"), (b"", b"77")])
def test_what_is_appended_goes_behind_the_last_of_that_name(present: bytes, value: bytes) -> None:
    made = table(X__A=Rule("{tenant_id}", "append"))
    caller = ((b"x-a", b"0"), (b"X-A", present), (b"B", b"2"))
    assert planned(made, caller) == [(b"x-a", b"0"), (b"X-A", value), (b"B", b"2")]


def test_what_connection_names_is_gone_before_anything_is_set() -> None:
    made = table(X__A=Rule("{tenant_id}", "append"), X__B=Rule("ours"))
    caller = ((b"X-A", b"1"), (b"X-B", b"2"))
    assert planned(made, caller, named=(b"x-a", b"x-b")) == [(b"X-A", b"77"), (b"X-B", b"ours")]
    assert planned(made, caller) == [(b"X-A", b"1, 77"), (b"X-B", b"2")]


def test_what_is_unknown_is_left_out_and_a_twin_does_not_pass() -> None:
    made = table(X__Address=Rule("{caller.ip}"), X__Old=Rule(remove=True))
    assert made.plan(b"X_Old\nx.address", 2, None, None).apply(((b"X_Old", b"1"), (b"x.address", b"2")), UUID) == []


def test_a_value_that_would_begin_another_field_is_refused_when_the_plan_is_made() -> None:
    with pytest.raises(ConfigError, match=r"fields\.X-A") as error:
        table(X__A=Rule("{session.id}")).plan(b"", 0, None, "s\r\nX: 1")
    assert error.value.status == 502
