from __future__ import annotations

import pytest

from sidecar import errors
from sidecar.gateway.departure import Departure


class Request:
    """Counts how often it was cancelled."""

    def __init__(self, *, binding: bool) -> None:
        self.cancelled = 0
        self.departure = Departure(self.cancel, binding=binding)

    def cancel(self) -> None:
        self.cancelled += 1


@pytest.mark.parametrize("binding", [True, False])
def test_whoever_leaves_before_finhub_is_asked_ends_the_request_once(*, binding: bool) -> None:
    request = Request(binding=binding)
    request.departure.before_asking()
    assert not request.departure.left
    request.departure.happen()
    request.departure.happen()
    assert (request.departure.left, request.departure.ended, request.cancelled) == (True, True, 1)


@pytest.mark.parametrize(("binding", "cancelled"), [(True, 0), (False, 1)])
def test_what_finhub_was_asked_ends_only_where_it_changes_nothing_there(*, binding: bool, cancelled: int) -> None:
    request = Request(binding=binding)
    request.departure.asked()
    request.departure.happen()
    assert request.departure.left
    assert (request.departure.ended, request.cancelled) == (bool(cancelled), cancelled)


def test_what_finhub_refused_ends_like_what_it_was_never_asked() -> None:
    request = Request(binding=True)
    request.departure.asked()
    request.departure.before_asking()
    request.departure.happen()
    assert request.cancelled == 1


def test_nothing_is_asked_for_a_caller_that_has_left() -> None:
    request = Request(binding=True)
    request.departure.asked()
    request.departure.happen()
    with pytest.raises(errors.CallerGone):
        request.departure.before_asking()


def test_a_departure_that_ends_nothing_is_known_all_the_same() -> None:
    departure = Departure()
    departure.happen()
    assert (departure.left, departure.ended) == (True, False)


def test_what_ends_the_request_may_change_and_a_caller_that_left_meanwhile_ends_it_at_once() -> None:
    ended: list[str] = []
    departure = Departure(lambda: ended.append("before"), binding=False)
    departure.ends(lambda: ended.append("between"))
    assert ended == []
    departure.happen()
    departure.ends(lambda: ended.append("behind"))
    assert ended == ["between", "behind"]
    assert (departure.left, departure.ended) == (True, True)


def test_a_request_that_is_over_is_not_ended_any_more() -> None:
    request = Request(binding=False)
    request.departure.forget()
    request.departure.happen()
    assert (request.cancelled, request.departure.left, request.departure.ended) == (0, True, False)
