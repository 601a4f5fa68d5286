from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import MalformedReply, MalformedRequest
from sidecar.guard import carriable
from sidecar.guard.refusal import rule_of
from sidecar.rawfields import RawFields, names_of, values_of


def require_carriable_request(fields: RawFields) -> None:
    tokens = carriable.are_tokens(names_of(fields), len(fields))
    carriable.require_carriable_request(fields, values_of(fields), tokens=tokens)


def require_carriable_reply(fields: RawFields) -> None:
    carriable.require_reply_names(names_of(fields), len(fields))
    carriable.require_reply_values(fields, values_of(fields))


BAD = [
    (((b"X-Name", b"caf\xe9"),), "not UTF-8 in the value of 'X-Name'"),
    (((b"A", b"\xc3"), (b"B", b"\xa9")), "not UTF-8 in the value of 'A'"),
    (((b"A", b"caf\xc3\xa9"), (b"B", b"\xff")), "not UTF-8 in the value of 'B'"),
    (((b"A", b"1"), (b"B", b"a\0b")), "NUL, CR or LF in the value of 'B'"),
    (((b"A", b"a\rb"),), "NUL, CR or LF"),
    (((b"A", b"a\nb"),), "NUL, CR or LF"),
    (((b"caf\xe9", b"1"),), "not a token"),
    (((b"caf\xc3\xa9", b"1"),), "not a token"),
    (((b"", b"1"),), "not a token"),
    (((b"A B", b"1"),), "not a token"),
    (((b"A:", b"1"),), "not a token"),
    (((b"A\nB", b"1"),), "not a token"),
]


@pytest.mark.parametrize(("fields", "detail"), BAD)
def test_trap_f_a_request_field_that_cannot_be_carried_is_malformed(
    fields: tuple[tuple[bytes, bytes], ...], detail: str
) -> None:
    with pytest.raises(MalformedRequest, match=detail) as refusal:
        require_carriable_request(fields)
    assert refusal.value.status == 400
    assert rule_of(refusal.value) == "fields"


@pytest.mark.parametrize(("fields", "detail"), BAD)
def test_trap_f_a_reply_field_that_cannot_be_delivered_is_a_bad_gateway(
    fields: tuple[tuple[bytes, bytes], ...], detail: str
) -> None:
    with pytest.raises(MalformedReply, match=detail) as refusal:
        require_carriable_reply(fields)
    assert refusal.value.status == 502


@pytest.mark.parametrize("value", [b"", b"a b\tc", b"caf\xc3\xa9", b"\x01\x7f", b"%00"])
def test_text_is_carried(value: bytes) -> None:
    require_carriable_request(((b"X-Any!#$%&'*+-.^_`|~9", value), (b"B", b"1")))
    require_carriable_reply(((b"A", value),))


@given(st.lists(st.tuples(st.just(b"A"), st.binary()), max_size=4).map(tuple))
def test_exactly_the_values_that_are_text_without_line_ends_are_carried(
    fields: tuple[tuple[bytes, bytes], ...],
) -> None:
    def is_text(value: bytes) -> bool:
        return value.decode(errors="ignore").encode() == value and not {0, 10, 13} & set(value)

    try:
        require_carriable_request(fields)
    except MalformedRequest:
        assert not all(is_text(value) for _, value in fields)
    else:
        assert all(is_text(value) for _, value in fields)


def test_no_field_at_all_is_carried() -> None:
    require_carriable_request(())
