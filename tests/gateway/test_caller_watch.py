from __future__ import annotations

import pytest

from sidecar.gateway.caller_limits import CallerLimits
from sidecar.gateway.caller_watch import HEAD, IDLE, Watch
from sidecar.gateway.pace import Pace

LIMITS = CallerLimits(head_timeout=10, idle_timeout=75, write=Pace(60, 10), max_target=100, max_fields=100)


def watch() -> Watch:
    return Watch(LIMITS, 1000)


def test_a_connection_is_idle_from_its_beginning_and_again_from_the_end_of_each_request() -> None:
    one = watch()
    assert (one.overdue(1074, serving=False), one.overdue(1075, serving=False)) == ("", IDLE)
    one.request_is_over(1050)
    assert (one.overdue(1124, serving=False), one.overdue(1125, serving=False)) == ("", IDLE)
    assert one.overdue(1200, serving=True) == ""
    assert (one.overdue(1274, serving=False), one.overdue(1275, serving=False)) == ("", IDLE)


def test_while_a_request_is_served_nothing_is_overdue_and_all_times_begin_behind_it() -> None:
    one = watch()
    one.head_goes_on(b"GET", 1000)
    assert one.overdue(2000, serving=True) == ""
    assert (one.overdue(2009, serving=False), one.overdue(2010, serving=False)) == ("", HEAD)
    one.head_is_whole()
    one.request_is_over(1990)  # before it was looked at: the later one counts
    assert (one.overdue(2074, serving=False), one.overdue(2075, serving=False)) == ("", IDLE)


def test_a_head_has_its_time_from_its_first_byte_and_no_drip_renews_it() -> None:
    one = watch()
    assert not one.head_goes_on(b"\r\n\r\n", 1000)
    assert one.overdue(1074, serving=False) == ""
    assert not one.head_goes_on(b"\r\nG", 1070)
    assert not one.head_goes_on(b"ET", 1079)
    assert (one.overdue(1079, serving=False), one.overdue(1080, serving=False)) == ("", HEAD)


def test_a_head_is_too_large_once_all_its_parts_together_are() -> None:
    one = watch()
    assert not one.head_goes_on(b"x" * LIMITS.largest_head, 1000)
    assert one.head_goes_on(b"x", 1000)
    one.head_is_whole()
    assert not one.head_goes_on(b"x", 1000)


@pytest.mark.parametrize(("left", "stuck"), [(500, True), (499, True), (400, True), (399, False), (0, False)])
def test_what_is_left_of_a_reply_must_be_taken_at_the_average_rate_beyond_one_pause(left: int, *, stuck: bool) -> None:
    one = watch()
    assert not one.is_stuck(1000, 500, written=False)
    assert not one.is_stuck(1059, 500, written=False)
    assert one.is_stuck(1070, left, written=False) is stuck


def test_while_it_is_written_on_any_change_is_progress_and_none_stands_still() -> None:
    one = watch()
    assert not one.is_stuck(1000, 500, written=True)
    assert not one.is_stuck(1070, 600, written=True)
    assert not one.is_stuck(1129, 600, written=True)
    assert one.is_stuck(1130, 600, written=True)
    one.all_is_sent()
    assert not one.is_stuck(1131, 600, written=True)
