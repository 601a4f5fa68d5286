from __future__ import annotations

import pytest

from sidecar.gateway.pace import Pace


@pytest.mark.parametrize(
    ("pace", "waited", "moved", "patience"),
    [
        (Pace(30, 100), 0, 0, 30),
        (Pace(30, 100), 20, 0, 10),
        (Pace(30, 100), 20, 500, 15),
        (Pace(30, 100), 20, 1_000_000, 30),  # haste earns no longer pause
        (Pace(30, 100), 40, 1_000, 0),
        (Pace(30, 100), 60, 1_000, -20),
    ],
)
def test_a_caller_has_a_pause_and_the_time_that_its_bytes_are_worth(
    pace: Pace, waited: float, moved: int, patience: float
) -> None:
    assert pace.patience(waited, moved) == patience
