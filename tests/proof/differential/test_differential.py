"""Generated requests through the real sidecar and through a plain nginx: what arrives and what comes back is the same.

1,000 requests by default, always the same ones; PROOF_SCALE multiplies them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import bothsides
import compare
import differences
import nginx
import page
import pytest
from generated import STEPS_PER_TALK, talks
from hypothesis import HealthCheck, Phase, given, settings
from scale import scale
from steps import Talk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import trustme
    from bothsides import Bench
    from differences import Fields, Refused
    from steps import Step

REQUESTS = 1000 * scale()

needs_nginx = pytest.mark.skipif(nginx.PROGRAM is None, reason=nginx.MISSING)


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Iterator[Bench]:
    """Both proxies before one upstream."""
    with bothsides.set_up(tmp_path_factory.mktemp("differential"), authority) as running:
        yield running


def turns(talk: Talk) -> list[Talk]:
    """Return the talk, or for a pipelined one two: only those requests are pipelined that do not end the connection."""
    if not talk.pipelined:
        return [talk]
    passing = tuple(step for step in talk.steps if not ends(step))
    others = tuple(step for step in talk.steps if ends(step))
    both = (replace(talk, steps=passing), replace(talk, steps=others, pipelined=False))
    return [turn for turn in both if turn.steps]


def ends(step: Step) -> bool:
    """Tell whether a request ends its connection: the parser takes Proxy-Connection, too, for the caller's word."""
    said = step.values(b"connection") + step.values(b"proxy-connection")
    return differences.is_refused(step) or b"close" in b",".join(said)


@needs_nginx
@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # it would hide the difference found
def test_generated_requests_arrive_and_are_answered_as_through_nginx(
    sides: Bench, figures: Callable[[str], None]
) -> None:
    before = sides.played

    @settings(
        max_examples=REQUESTS // STEPS_PER_TALK,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
        phases=[Phase.generate, Phase.shrink],
    )
    @given(talks())
    def check(talk: Talk) -> None:
        compared = [one for turn in turns(talk) for one in sides.play(turn)]
        assert [fault for one in compared for fault in compare.faults(one)] == []
        assert sides.strays == []

    check()
    played = sides.played - before
    assert played >= REQUESTS
    assert [fault for fault in sides.upstream.faults() if not fault.fault.startswith("the bytes end")] == []
    assert sides.sidecar.bugs() == []
    listed = len((*differences.REFUSED, *differences.OF_REQUESTS, *differences.IN_REPLIES))
    figures(f"{played:,} requests through each, 0 differences outside the list of {listed}")


@needs_nginx
@pytest.mark.parametrize("accepted", differences.REFUSED_BY_US, ids=lambda one: one.title)
def test_what_we_refuse_and_nginx_does_not_is_still_so(accepted: Refused, sides: Bench) -> None:
    (compared,) = sides.play(Talk(steps=(accepted.example,)))
    assert compare.faults(compared) == []
    others = [one for one in differences.REFUSED_BY_US if one is not accepted]
    assert compare.faults(compared, by_us=others) != []


@needs_nginx
@pytest.mark.parametrize("accepted", differences.REFUSED_BY_NGINX, ids=lambda one: one.title)
def test_what_nginx_refuses_and_we_do_not_is_still_so(accepted: Refused, sides: Bench) -> None:
    (compared,) = sides.play(Talk(steps=(accepted.example,)))
    assert compare.faults(compared) == []
    others = [one for one in differences.REFUSED_BY_NGINX if one is not accepted]
    assert compare.faults(compared, by_nginx=others) != []


@needs_nginx
@pytest.mark.parametrize("accepted", differences.OF_REQUESTS, ids=lambda one: one.title)
def test_fields_that_differ_in_requests_still_do(accepted: Fields, sides: Bench) -> None:
    (compared,) = sides.play(Talk(steps=(accepted.example,)))
    assert compare.faults(compared) == []
    others = [one for one in differences.OF_REQUESTS if one is not accepted]
    assert compare.faults(compared, of_requests=others) != []


@needs_nginx
@pytest.mark.parametrize("accepted", differences.IN_REPLIES, ids=lambda one: one.title)
def test_fields_that_differ_in_replies_still_do(accepted: Fields, sides: Bench) -> None:
    (compared,) = sides.play(Talk(steps=(accepted.example,)))
    assert compare.faults(compared) == []
    others = [one for one in differences.IN_REPLIES if one is not accepted]
    assert compare.faults(compared, in_replies=others) != []


def test_the_page_names_every_accepted_difference() -> None:
    written = page.PAGE.read_text(encoding="utf-8")
    assert written == page.page(), "renew it with: python tests/proof/differential/page.py --write"
