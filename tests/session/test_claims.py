"""Unverified claims: whatever the token is, reading it never fails."""

from __future__ import annotations

import base64
import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.session.claims import claims, lifetime

KEY = "a key that only FinHub has, of more than thirty-two bytes"


def spelt(header: bytes, payload: bytes, signature: str = "sig") -> str:
    parts = (base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (header, payload))
    return ".".join((*parts, signature))


def test_the_claims_of_a_jwt_are_read_without_its_key() -> None:
    token = jwt.encode({"internalTokenKey": "itk-1", "iat": 1_000, "exp": 2_800}, KEY, algorithm="HS256")
    assert claims(token) == {"internalTokenKey": "itk-1", "iat": 1_000, "exp": 2_800}


def test_an_expired_or_not_yet_valid_token_is_read_all_the_same() -> None:
    assert claims(jwt.encode({"exp": 1, "nbf": 4_000_000_000}, KEY, algorithm="HS256"))["exp"] == 1


@pytest.mark.parametrize(
    "header",
    [b'{"alg":"none"}', b'{"alg":"RS999"}', b'{"alg":7}', b"{}", b'{"alg":"HS256","typ":"at+jwt","crit":["x"]}'],
)
def test_the_algorithm_does_not_matter(header: bytes) -> None:
    assert claims(spelt(header, b'{"a":1}')) in ({"a": 1}, {})


def test_alg_none_is_read() -> None:
    assert claims(jwt.encode({"a": 1}, None, algorithm="none")) == {"a": 1}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "opaque-token",
        "a.b",
        "a.b.c",
        "....",
        "!!!.???.###",
        spelt(b"{}", b"[1,2]"),
        spelt(b"{}", b"null"),
        spelt(b"{}", b"not json"),
        spelt(b"{}", b"\xff\xfe"),
        spelt(b"[]", b'{"a":1}'),
        spelt(b'{"alg":"HS256","kid":5}', b'{"a":1}'),
        spelt(b'{"alg":"HS256","b64":false}', b'{"a":1}'),
        spelt(b'{"alg":"HS256"}', b"[" * 100_000),
        spelt(b'{"alg":"HS256"}', b'{"exp":' + b"9" * 5_000 + b"}"),
    ],
)
def test_what_is_no_jwt_has_no_claims(token: str) -> None:
    assert claims(token) == {}


@pytest.mark.parametrize(
    ("found", "seconds"),
    [
        ({"exp": 2_800, "iat": 1_000}, 1_800),
        ({"exp": 2_800.5, "iat": 1_000.25}, 1_800.25),
        ({"exp": "2800", "iat": "1000"}, 1_800),
        ({"exp": 1_000, "iat": 1_000}, 0),
        ({"exp": 900, "iat": 1_000}, -100),
        ({"exp": 2_800}, None),
        ({"iat": 1_000}, None),
        ({"exp": True, "iat": 0}, None),
        ({"exp": 10**400, "iat": 0}, None),
        ({"exp": [1], "iat": {}}, None),
        ({"exp": "soon", "iat": 1}, None),
        ({}, None),
    ],
)
def test_a_lifetime_is_exp_less_iat(found: dict[str, object], seconds: float | None) -> None:
    assert lifetime(found) == seconds


@given(token=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E)))
def test_no_token_makes_it_raise(token: str) -> None:
    lifetime(claims(token))


@given(
    payload=st.dictionaries(
        st.sampled_from(["exp", "iat", "nbf", "sub", "aud", "jti", "iss"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()),
    ),
    header=st.dictionaries(
        st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk"]), st.none() | st.booleans() | st.text()
    ),
)
def test_no_claims_make_it_raise(payload: dict[str, object], header: dict[str, object]) -> None:
    lifetime(claims(spelt(json.dumps(header).encode(), json.dumps(payload).encode())))
