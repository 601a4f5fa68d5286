from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import MalformedRequest
from sidecar.guard.framing import ENDLESS, require_framing
from sidecar.guard.refusal import rule_of

Fields = dict[bytes, list[bytes]]


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        ({}, 0),
        ({b"content-length": [b"0"]}, 0),
        ({b"content-length": [b"12"]}, 12),
        ({b"content-length": [b"0012"]}, 12),
        ({b"content-length": [b"9" * 18]}, 10**18 - 1),
        ({b"content-length": [b"1" + b"0" * 18]}, 10**18),
        ({b"content-length": [b"9" * 8000]}, ENDLESS),
        ({b"content-length": [b"0" * 8000 + b"5"]}, 5),
        ({b"transfer-encoding": [b"chunked"]}, 0),
        ({b"transfer-encoding": [b"Chunked"]}, 0),
    ],
)
def test_the_announced_length_is_read(fields: Fields, length: int) -> None:
    assert require_framing(fields) == length


@pytest.mark.parametrize(
    "fields",
    [
        {b"content-length": [b"5"], b"transfer-encoding": [b"chunked"]},
        {b"content-length": [b"5", b"6"]},
        {b"content-length": [b"5", b"5"]},
        {b"content-length": [b"5, 5"]},
        {b"content-length": [b""]},
        {b"content-length": [b"+5"]},
        {b"content-length": [b"-5"]},
        {b"content-length": [b"0x5"]},
        {b"content-length": [b"5_0"]},
        {b"content-length": [b"5 0"]},
        {b"content-length": [b"\xd9\xa1"]},
        {b"content-length": [b"\xb2"]},
        {b"transfer-encoding": [b"gzip"]},
        {b"transfer-encoding": [b"gzip, chunked"]},
        {b"transfer-encoding": [b"chunked, chunked"]},
        {b"transfer-encoding": [b"chunked", b"chunked"]},
        {b"transfer-encoding": [b"identity"]},
        {b"transfer-encoding": [b"\x0bchunked"]},
        {b"transfer-encoding": [b""]},
    ],
)
def test_framing_with_two_readings_is_malformed(fields: Fields) -> None:
    with pytest.raises(MalformedRequest) as refusal:
        require_framing(fields)
    assert rule_of(refusal.value) == "framing"


@given(st.lists(st.binary()), st.lists(st.binary()))
def test_any_bytes_are_a_length_or_malformed(lengths: list[bytes], codings: list[bytes]) -> None:
    try:
        assert require_framing({b"content-length": lengths, b"transfer-encoding": codings}) >= 0
    except MalformedRequest:
        assert lengths or codings
