from __future__ import annotations

import pytest

from sidecar.server.watchdog import NEVER, Watchdog, every


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, NEVER),
        ({"WATCHDOG_USEC": "0"}, NEVER),
        ({"WATCHDOG_USEC": "-1"}, NEVER),
        ({"WATCHDOG_USEC": "²"}, NEVER),
        ({"WATCHDOG_USEC": ""}, NEVER),
        ({}, NEVER),
    ],
)
def test_signs_of_life_come_twice_as_often_as_they_are_asked_for(asked: dict[str, str], seconds: float) -> None:
    environ = {**asked, "PATH": "/bin"}
    assert every(environ, 7) == seconds
    assert environ == {"PATH": "/bin"}


def test_a_sign_is_due_at_once_and_then_once_in_so_many_seconds() -> None:
    watchdog = Watchdog(10.0)
    instants = (5.0, 6.0, 14.9, 15.0, 24.0, 90.0, 91.0)
    assert [now for now in instants if watchdog.due(now)] == [5.0, 15.0, 90.0]


def test_where_none_is_asked_for_none_is_due() -> None:
    assert not Watchdog(NEVER).due(1e9)
