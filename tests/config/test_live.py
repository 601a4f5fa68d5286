from __future__ import annotations

import pytest

from sidecar.config.catalogue import keys, tables
from sidecar.config.live import LIVE, is_live


def test_every_live_key_is_a_key_or_a_section() -> None:
    known = {key.name for key in keys()} | {".".join(path) for path in tables()} | {"fields"}
    assert known >= LIVE


@pytest.mark.parametrize(
    ("key", "live"),
    [
        ("log.level", True),
        ("log.format", False),
        ("fields", True),
        ("credentials.username", True),
        ("session.backoff.first", True),
        ("session.refresh.margin", True),
        ("session.refresh.enabled", False),
        ("session.login_endpoint", True),
        ("upstream.rewrite_location", True),
        ("session", False),
        ("listen.address", False),
        ("audit.file", False),
        ("tracing.endpoint", False),
    ],
)
def test_a_key_is_live_where_it_or_a_table_above_it_is(key: str, live: bool) -> None:  # noqa: FBT001  # a table's column
    assert is_live(key) is live
