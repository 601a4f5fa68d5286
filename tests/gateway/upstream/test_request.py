from __future__ import annotations

from asking import body_of

from sidecar.gateway.upstream.request import SAFE_METHODS, Request


def test_each_request_has_a_departure_of_its_own() -> None:
    one, other = (Request(method="GET", target="/", fields=(), body=body_of(), sendings=[]) for _ in range(2))
    one.departure.happen()
    assert (one.departure.left, other.departure.left) == (True, False)


def test_only_methods_that_change_nothing_are_safe() -> None:
    assert frozenset({"GET", "HEAD", "OPTIONS"}) == SAFE_METHODS
