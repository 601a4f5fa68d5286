from __future__ import annotations

from dataclasses import dataclass

from sidecar.app.share import Share


@dataclass
class Traffic:
    in_flight: int = 0


def test_one_alone_has_all_and_nothing_beyond() -> None:
    share = Share(1)
    traffic = Traffic(9)
    share.of(traffic)
    assert share.sure(8) == 8
    assert not share.more(8)()


def test_half_is_shared_out_for_sure_and_the_rest_is_for_whoever_needs_it() -> None:
    share, each = Share(2), (Traffic(), Traffic())
    for traffic in each:
        share.of(traffic)
    assert share.sure(8) == 2
    more = share.more(8)
    each[0].in_flight = 6
    assert more()
    each[0].in_flight = 7
    assert not more()
    each[0].in_flight, each[1].in_flight = 4, 4
    assert more()
    each[1].in_flight = 5
    assert not more()


def test_what_cannot_be_shared_out_evenly_is_common() -> None:
    share = Share(3)
    traffic = Traffic()
    share.of(traffic)
    assert share.sure(8) == 1
    traffic.in_flight = 6
    assert share.more(8)()
    traffic.in_flight = 7
    assert not share.more(8)()
