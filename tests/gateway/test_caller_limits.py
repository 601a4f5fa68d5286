from __future__ import annotations

import pytest

from sidecar.gateway.caller_limits import CallerLimits


@pytest.mark.parametrize(("target", "field"), [(100, 100), (100, 200)])
def test_the_parser_can_tell_a_long_target_from_a_long_field(target: int, field: int) -> None:
    limits = CallerLimits(max_target=target, max_field=field)
    assert limits.longest_line != limits.max_field
    assert limits.longest_line in {target, target + 1}


def test_a_head_may_hold_the_longest_target_and_all_fields() -> None:
    limits = CallerLimits(max_target=100, max_fields=1000)
    assert limits.largest_head >= len(b"OPTIONS  HTTP/1.1\r\n") + 1100
