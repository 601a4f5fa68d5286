from __future__ import annotations

import pytest

from sidecar.gateway.upstream.keepalive import rest_of


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        (["timeout=60"], 59.0),
        (["timeout=5, max=100"], 4.0),
        (["max=100, Timeout = 5"], 4.0),
        (['max=100 , timeout="5" '], 4.0),
        (["timeout=1"], 0.0),
        (["timeout=0"], 0.0),
        (["timeout=30", "timeout=5"], 4.0),
        (["timeout=5, timeout=30"], 4.0),
    ],
)
def test_a_connection_rests_a_second_less_than_it_is_kept(values: list[str], seconds: float) -> None:
    assert rest_of(values) == seconds


@pytest.mark.parametrize(
    "values",
    [
        [],
        [""],
        ["max=100"],
        ["timeout"],
        ["timeout="],
        ["timeout=-5"],
        ["timeout=soon"],
        ["timeout=5s"],
        ["timeout=5.5"],
        ["timeout=\u0665"],
        ["no-timeout=5"],
        ["timeout=1234567890"],
    ],
)
def test_what_tells_no_seconds_tells_nothing(values: list[str]) -> None:
    assert rest_of(values) is None
