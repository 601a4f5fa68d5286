from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sidecar.cli.look import FINE, ROUGH
from sidecar.cli.token_life import Life, life_of, line_of

NOW = 1_800_014_400.0


def at(seconds: float) -> str:
    return datetime.fromtimestamp(NOW + seconds, UTC).isoformat()


FRESH: dict[str, Any] = {"since": at(-20), "renew_at": at(70), "expires_at": at(80)}


def test_a_token_lives_from_its_minting_to_its_end() -> None:
    more = {"minted_at": at(-21), "window_at": at(65)}
    assert life_of(FRESH, more, NOW) == Life(NOW - 21, NOW + 80, NOW + 70, NOW + 65)


def test_of_a_sidecar_that_tells_no_more_it_begins_with_the_state() -> None:
    assert life_of(FRESH, {}, NOW) == Life(NOW - 20, NOW + 80, NOW + 70)
    assert life_of({"expires_at": at(80)}, {}, NOW) is None


def test_without_a_living_token_it_is_the_wait_for_the_next_try() -> None:
    dead = {"since": at(-20), "expires_at": at(-1)}
    assert life_of(dead, {"tries_at": at(10)}, NOW) == Life(NOW - 20, NOW + 10)
    assert life_of({"since": at(-20)}, {"tries_at": at(10)}, NOW) == Life(NOW - 20, NOW + 10)


@pytest.mark.parametrize(("session", "more"), [({}, {}), ({"since": at(0)}, {}), ({}, {"tries_at": at(10)})])
def test_there_is_nothing_to_draw_without_both_ends(session: dict[str, Any], more: dict[str, Any]) -> None:
    assert life_of(session, more, NOW) is None


@pytest.mark.parametrize(
    ("life", "now", "line"),
    [
        (Life(0, 10, renew=9, opens=8), 3, "===o----:|"),
        (Life(0, 10, renew=9, opens=8), 0, "o-------:|"),
        (Life(0, 10, renew=9, opens=8), 9.5, "=========o"),
        (Life(0, 10, renew=9, opens=8), 99, "=========o"),
        (Life(0, 10), 5, "=====o----"),
        (Life(5, 5), 5, "o---------"),
    ],
)
def test_the_line_shows_what_is_over_and_when_it_is_renewed(life: Life, now: float, line: str) -> None:
    assert line_of(life, now, 10, ROUGH) == line


def test_it_is_drawn_finely_where_it_can_be() -> None:
    assert line_of(Life(0, 10, renew=9, opens=8), 3, 10, FINE) == "━━━●────░│"
