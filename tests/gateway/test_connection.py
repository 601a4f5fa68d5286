from __future__ import annotations

import pytest

from sidecar.gateway.connection import OF_REPLIES, OF_REQUESTS, options


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ((), set()),
        (((b"A", b"connection"),), set()),
        (((b"Connection", b"close"),), {b"close"}),
        (((b"Connection", b"Keep-Alive"),), {b"keep-alive"}),
        (((b"Connection", b"keep-alive"), (b"Connection", b"close")), {b"keep-alive", b"close"}),
        (((b"connection", b" X-A ,\tx-b"), (b"A", b"x"), (b"CONNECTION", b"X-C")), {b"x-a", b"x-b", b"x-c"}),
        (((b"Connection", b"Content-Length, X-A"),), {b"x-a"}),
    ],
)
def test_the_options_of_every_connection_field_are_read(
    fields: tuple[tuple[bytes, bytes], ...], expected: set[bytes]
) -> None:
    where = tuple(index for index, (name, _) in enumerate(fields) if name.lower() == b"connection")
    assert options(fields, where) - {b""} == expected


def test_the_connection_specific_fields_are_those_of_rfc_9110_and_its_forebears() -> None:
    both = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
    assert both | {b"expect", b"http2-settings", b"proxy-authorization"} == OF_REQUESTS
    assert both | {b"proxy-authenticate", b"proxy-authentication-info"} == OF_REPLIES
