"""A refusal inside a reply: what is one, what is none, and that nothing makes the judge raise."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.session.dialect import Expired
from sidecar.session.dialect_file import load
from sidecar.session.in_band import LARGEST, InBand

JSON = ((b"Content-Type", b"application/json"),)
REFUSAL = b'{"success":false,"code":401,"msg":"The access token has expired"}'


def in_band(**parts: object) -> InBand:
    return InBand(Expired.read({"code_at": "code", "codes": 401, **parts}))


def fincard() -> InBand:
    expired = load("fincard").expired
    assert expired is not None
    return InBand(expired)


def coded(coding: bytes) -> tuple[tuple[bytes, bytes], ...]:
    return (*JSON, (b"Content-Encoding", coding))


@pytest.mark.parametrize(
    ("status", "fields", "may"),
    [
        (200, JSON, True),
        (200, (), True),
        (200, ((b"content-type", b"application/problem+JSON ; charset=utf-8"),), True),
        (200, ((b"Content-Type", b"text/event-stream"),), False),
        (200, ((b"Content-Type", b"text/plain; x=json"),), False),
        (200, (*JSON, (b"Content-Length", b"65536")), True),
        (200, (*JSON, (b"Content-Length", b"65537")), False),
        (200, (*JSON, (b"Content-Length", b"9" * 5000)), False),
        (200, (*JSON, (b"Content-Length", b"x")), True),
        (201, JSON, False),
        (400, JSON, False),
        (401, JSON, False),
    ],
)
def test_status_type_and_length_say_whether_there_is_anything_to_look_at(
    status: int,
    fields: tuple[tuple[bytes, bytes], ...],
    may: bool,  # noqa: FBT001  # the expectation
) -> None:
    assert fincard().may(status, fields) is may


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (REFUSAL, True),
        (b' {"code" : 401}\n', True),
        (b'{"code":"401"}', True),
        (b'{"code":200,"msg":"401"}', False),
        (b'{"code":4010}', False),
        (b'{"code":true,"x":401}', False),
        (b'{"data":{"code":401}}', False),
        (b'[{"code":401}]', False),
        (b'{"code":[401]}', False),
        (REFUSAL[:-1], False),
        (REFUSAL + b"}", False),
        (b"401", False),
        (b"", False),
        (b"\xff401", False),
    ],
)
def test_a_whole_document_that_says_the_code_in_its_place_is_a_refusal(body: bytes, says: bool) -> None:  # noqa: FBT001  # as above
    assert fincard().says(JSON, body) is says


def test_statuses_places_and_codes_are_the_dialects() -> None:
    own = in_band(status=[400, 403], code_at=["errors[].id", "fault.code"], codes=["TOKEN_EXPIRED", 7, "zurück"])
    assert [own.may(status, JSON) for status in (200, 400, 403)] == [False, True, True]
    bodies = [{"errors": [{"id": "A"}, {"id": "TOKEN_EXPIRED"}]}, {"fault": {"code": 7}}, {"fault": {"code": "zurück"}}]
    assert [own.says(JSON, json.dumps(body).encode()) for body in bodies] == [True] * 3
    assert not own.says(JSON, b'{"fault":{"code":8}}')


@pytest.mark.parametrize(
    ("coding", "code"),
    [
        (b"gzip", gzip.compress),
        (b"X-GZIP", gzip.compress),
        (b"deflate", zlib.compress),
    ],
)
def test_a_coded_body_is_read_where_that_is_cheap(coding: bytes, code: object) -> None:
    assert callable(code)
    assert fincard().says(coded(coding), code(REFUSAL))
    assert not fincard().says(coded(coding), code(b'{"code":200,"msg":"401"}'))
    assert not fincard().says(coded(coding), code(REFUSAL)[:-20])
    assert not fincard().says(coded(coding), REFUSAL)


@pytest.mark.parametrize("coding", [b"br", b"zstd", b"gzip, gzip"])
def test_what_cannot_be_decoded_is_no_refusal(coding: bytes) -> None:
    assert not fincard().says(coded(coding), REFUSAL)


def test_what_unfolds_beyond_the_bound_is_no_refusal() -> None:
    large = b'{"code":401,"msg":"' + b" " * LARGEST + b'"}'
    assert len(gzip.compress(large)) < 200
    assert not fincard().says(coded(b"gzip"), gzip.compress(large))


@given(st.binary(max_size=200), st.sampled_from([b"", b"gzip", b"deflate", b"br"]))
def test_no_body_makes_it_raise(body: bytes, coding: bytes) -> None:
    judge = fincard()
    for each in (body, b'{"code":401' + body, gzip.compress(body), zlib.compress(b"401" + body)):
        assert judge.says(coded(coding) if coding else JSON, each) in {True, False}
