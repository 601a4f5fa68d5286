"""What must be shown is judged by its ratio, and never claimed without one."""

from __future__ import annotations

import dataclasses

import benchrun
import pytest

from bench.readings import Kind, Measure, Point, Readings
from bench.verdicts import LONG_MUSTS, MUSTS, Must, Verdict, judge

POINT = Point(Measure(Kind.RATE, 64), "sidecar")
AT_MOST = Must("this", "that", POINT, 1.0, limit=1.0, aim=0.5)
AT_LEAST = dataclasses.replace(AT_MOST, at_least=True, aim=1.4)
NO_AIM = dataclasses.replace(AT_MOST, aim=None)


@pytest.mark.parametrize(
    ("must", "ratio", "words"),
    [
        (AT_MOST, 1.01, "does not hold"),
        (AT_MOST, 1.0, "holds"),
        (AT_MOST, 0.5, "holds, and reaches the aim"),
        (AT_LEAST, 0.99, "does not hold"),
        (AT_LEAST, 1.0, "holds"),
        (AT_LEAST, 1.4, "holds, and reaches the aim"),
        (NO_AIM, 0.1, "holds"),
        (AT_MOST, None, "not measured"),
    ],
)
def test_a_verdict_says_on_which_side_of_its_bounds_the_ratio_is(must: Must, ratio: float | None, words: str) -> None:
    assert Verdict(must, ratio).words == words


def test_without_readings_nothing_is_claimed_and_the_long_part_is_not_mentioned() -> None:
    judged = judge(Readings())
    assert [verdict.must for verdict in judged] == list(MUSTS)
    assert {verdict.words for verdict in judged} == {"not measured"}


def test_every_bound_is_judged_by_the_readings_that_it_names() -> None:
    ratios = {(verdict.must.what, verdict.must.beside): verdict.ratio for verdict in judge(benchrun.short())}
    assert ratios["requests/s, 64 callers", "Envoy's"] == 2.0
    assert ratios["requests/s, 64 callers", "nginx's"] == 0.5
    assert ratios["memory after load, 64 callers", "50 MB"] == 4.0 / 50
    assert ratios["start to first served request", "the naive proxy's"] == 4.0
    assert None not in ratios.values()


def test_the_long_part_is_judged_where_it_was_measured() -> None:
    judged = judge(benchrun.long())
    assert [verdict.must for verdict in judged] == [*MUSTS, *LONG_MUSTS]
    assert [verdict.words for verdict in judged[-3:]] == ["holds", "does not hold", "does not hold"]
