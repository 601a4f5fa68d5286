"""What the upstream was given is looked at before anything is measured."""

from __future__ import annotations

import pytest

from bench import site
from bench.certificates import CLIENT
from bench.contender import lacking

WHOLE = dict.fromkeys(site.FIELDS, "x") | {"Authorization": f"Bearer {site.TOKEN}", "certificate": f"CN={CLIENT}"}


def told(**changed: str) -> str:
    given = WHOLE | {name.replace("_", "-"): value for name, value in changed.items()}
    return "\n".join(f"{name}: {value}" for name, value in given.items())


def test_who_gives_everything_lacks_nothing() -> None:
    assert lacking(told()) == []


@pytest.mark.parametrize(
    ("changed", "missing"),
    [
        ({"X_Tenant_ID": ""}, ["X-Tenant-ID"]),
        ({"Authorization": "Bearer another"}, ["the right token"]),
        ({"Authorization": ""}, ["Authorization"]),
        ({"certificate": "CN=somebody"}, ["the client certificate"]),
    ],
)
def test_what_is_missing_or_wrong_is_named(changed: dict[str, str], missing: list[str]) -> None:
    assert lacking(told(**changed)) == missing


def test_a_reply_of_another_kind_lacks_everything() -> None:
    assert lacking("<html>") == [*site.FIELDS, "the client certificate"]
