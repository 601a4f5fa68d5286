from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sidecar.config.load import parse
from sidecar.config.tenantchecks import MOST, problems
from sidecar.config.tenants import Tenant

if TYPE_CHECKING:
    from sidecar.config.model import Config

TOP = """
environment = "playground"
[credentials]
tenant_id = "1"
[listen]
address = "127.0.0.1:1"
[admin]
address = "unix:/run/admin.sock"
"""
ALONE = parse(TOP + '[[tenants]]\nname = "a"\n', {})


def tenant(name: str, **own: object) -> Tenant:
    known = {member: getattr(ALONE.tenants[0], member) for member in Tenant.members}
    return Tenant.read({**known, "name": name, **own})


def given(*tenants: Tenant) -> Config:
    return ALONE.replaced({"tenants": tenants})


def found(*tenants: Tenant) -> list[str]:
    return [f"{problem.key}: {problem.found}" for problem in problems(given(*tenants))]


def by(name: str, *values: str) -> dict[str, object]:
    return {"name": name, "values": values}


def test_without_tenants_there_is_nothing_to_find() -> None:
    assert found() == []


def test_tenants_that_differ_are_fine() -> None:
    assert (
        found(
            tenant("a"),
            tenant("b", path_prefix="/b"),
            tenant("c", path_prefix="/b/c"),
            tenant("d", field=by("X-Tenant", "d")),
            tenant("e", field=by("X-Tenant", "e")),
            tenant("f", field=by("X-Other", "d")),
            tenant("g", listen="127.0.0.1:2"),
            tenant("h", listen="127.0.0.1:0"),
            tenant("i", listen="127.0.0.1:0"),
            tenant("j", listen="unix:/run/j.sock"),
        )
        == []
    )


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (tenant("A", path_prefix="/a"), ["tenants[1].name: what tenants[0].name has too"]),
        (tenant("b"), ["tenants[1]: no way to find it, as for tenants[0]"]),
        (tenant("b", path_prefix="/b", field=by("X-B", "b")), ["tenants[1]: path_prefix and field"]),
        (tenant("b", listen="127.0.0.1:1"), ['tenants[1].listen: "127.0.0.1:1", which is listen.address too']),
        (
            tenant("b", listen="unix:/run/admin.sock"),
            ['tenants[1].listen: "unix:/run/admin.sock", which is admin.address too'],
        ),
    ],
)
def test_a_tenant_has_one_way_to_be_found_and_no_other_has_it(second: Tenant, told: list[str]) -> None:
    assert found(tenant("a"), second) == told


@pytest.mark.parametrize(
    ("own", "what"),
    [
        ({"path_prefix": "/x"}, "path_prefix"),
        ({"field": by("X-Tenant", "x", "x")}, "field.values"),
        ({"listen": "localhost:2"}, "listen"),
        ({"listen": "unix:/run/x.sock"}, "listen"),
    ],
)
def test_what_two_have_is_told_once_at_each_that_came_later(own: dict[str, object], what: str) -> None:
    told = found(tenant("rest"), *(tenant(name, **own) for name in ("a", "b", "c")))
    assert told == [f"tenants[{index}].{what}: what tenants[1].{what} has too" for index in (2, 3)]


def test_a_field_has_one_name_in_any_case() -> None:
    told = found(tenant("rest"), tenant("a", field=by("X-Tenant", "x")), tenant("b", field=by("x-tenant", "y", "x")))
    assert told == ["tenants[2].field.values: what tenants[1].field.values has too"]


def test_somebody_is_served_at_the_listener_of_all() -> None:
    assert found(tenant("a", listen="127.0.0.1:2"), tenant("b", listen="127.0.0.1:3")) == [
        "tenants: a listener of its own for each"
    ]


def test_there_are_not_too_many_and_each_has_a_share() -> None:
    many = [tenant("rest"), *(tenant(f"t{index}", path_prefix=f"/t{index}") for index in range(MOST))]
    assert found(*many) == [f"tenants: {MOST + 1} of them"]
    few = given(*many[:2])
    scarce = few.replaced({"listen": few.listen.replaced({"max_requests": 3})})
    assert [str(problem) for problem in problems(scarce)] == [
        "listen.max_requests: found 3; expected at least 4, so that each of 2 tenants has a share"
    ]
