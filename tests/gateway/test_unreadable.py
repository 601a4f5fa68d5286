from __future__ import annotations

import pytest
from aiohttp.http_exceptions import BadHttpMessage, HttpProcessingError, LineTooLong

from sidecar import errors
from sidecar.gateway.caller_limits import CallerLimits
from sidecar.gateway.unreadable import refusal

LIMITS = CallerLimits(max_target=100, max_field=200)


@pytest.mark.parametrize(
    ("complaint", "kind", "detail"),
    [
        (LineTooLong(b"GET /t0p-secret", 100), errors.TargetTooLong, "the request target exceeds 100 bytes"),
        (LineTooLong(b"X: t0p-secret", 200), errors.FieldsTooLarge, "a header field exceeds 200 bytes"),
        (BadHttpMessage("Too many headers received"), errors.FieldsTooLarge, "there are more than 256 header fields"),
        (BadHttpMessage("t0p-secret"), errors.MalformedRequest, "the request is not well-formed HTTP/1.1"),
    ],
)
def test_a_complaint_of_the_parser_is_told_in_our_words_without_an_echo(
    complaint: HttpProcessingError, kind: type[errors.SidecarError], detail: str
) -> None:
    error = refusal(complaint, LIMITS)
    assert (type(error), error.detail) == (kind, detail)
