from __future__ import annotations

import pytest

from sidecar.emulator.environments import ENVIRONMENTS


@pytest.mark.parametrize(
    ("name", "scheme", "certificate", "lifetime", "refreshable"),
    [
        ("playground", "http", "none", 10000, False),
        ("integration", "https", "optional", 3600, True),
        ("production", "https", "required", 1800, True),
    ],
)
def test_the_table_is_the_contracts(
    name: str,
    scheme: str,
    certificate: str,
    lifetime: float,
    refreshable: bool,  # noqa: FBT001  # a table's column
) -> None:
    row = ENVIRONMENTS[name]
    assert (row.name, row.scheme, row.client_certificate) == (name, scheme, certificate)
    assert (row.token_lifetime, row.refreshable) == (lifetime, refreshable)
