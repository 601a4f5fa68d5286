from __future__ import annotations

from sidecar.errors import BodyTooLarge, MalformedRequest, RequestDenied, SidecarError
from sidecar.guard.refusal import Denied, Malformed, TooLarge, rule_of, shown


def test_each_refusal_is_one_of_the_shared_errors_and_names_its_rule() -> None:
    denied, malformed, large = Denied("host", "d", remedy="r"), Malformed("target", "d"), TooLarge("d")
    assert isinstance(denied, RequestDenied)
    assert isinstance(malformed, MalformedRequest)
    assert isinstance(large, BodyTooLarge)
    assert [rule_of(error) for error in (denied, malformed, large)] == ["host", "target", "max_body"]
    assert (denied.detail, denied.remedy) == ("d", "r")
    assert malformed.remedy == MalformedRequest.default_remedy


def test_an_error_of_another_room_has_no_rule() -> None:
    assert rule_of(SidecarError("x")) == ""


def test_what_the_caller_sent_is_shown_escaped_and_short() -> None:
    assert shown(b"a\r\n\x1b\xe9") == r"'a\r\n\x1b\xe9'"
    assert len(shown(b"x" * 5000)) == 81
