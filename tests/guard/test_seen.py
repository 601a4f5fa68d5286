from __future__ import annotations

import pytest

from sidecar.guard.seen import Seen, methods, shape_of, watch
from sidecar.rawfields import MEMORABLE, RawFields, names_of


def seen_in(fields: RawFields) -> Seen:
    return watch(fields, shape_of(names_of(fields), len(fields)))


def test_watched_fields_are_gathered_by_name_in_order_without_white_space() -> None:
    fields = ((b"HOST", b" a\t"), (b"X-Other", b"1"), (b"host", b"b"), (b"Origin", b""))
    assert seen_in(fields) == {b"host": [b"a", b"b"], b"origin": [b""]}


def test_the_methods_are_the_requests_own_as_sent_and_every_override() -> None:
    fields = ((b"X-HTTP-Method-Override", b"delete"), (b"X-HTTP-Method", b"PUT"), (b"x-method-override", b"\xe9"))
    assert methods("post", seen_in(fields)) == ("post", "DELETE", "PUT", "\xc9")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (b"Accept", (False, False, False)),
        (b"Host", (False, False, False)),
        (b"X-Sidecar-Key", (False, False, False)),
        (b"Content-Length", (True, False, False)),
        (b"transfer-encoding", (True, False, False)),
        (b"ORIGIN", (False, True, False)),
        (b"Sec-Fetch-Site", (False, True, False)),
        (b"Access-Control-Request-Method", (False, True, False)),
        (b"Access-Control-Request-Private-Network", (False, True, False)),
        (b"Access-Control-Request-Local-Network", (False, True, False)),
        (b"X-HTTP-Method-Override", (False, False, True)),
        (b"X-HTTP-Method", (False, False, True)),
        (b"X-Method-Override", (False, False, True)),
    ],
)
def test_a_shape_says_which_questions_the_names_raise(name: bytes, says: tuple[bool, bool, bool]) -> None:
    shape = shape_of(name, 1)
    assert shape.tokens
    assert (shape.frames, shape.browses, shape.overrides) == says


@pytest.mark.parametrize(("names", "number"), [(b"A\nHost", 1), (b"Host\nB", 3), (b"Host\n", 1), (b"", 1)])
def test_names_that_hold_line_ends_are_no_tokens_and_none_is_taken_for_another(names: bytes, number: int) -> None:
    shape = shape_of(names, number)
    assert not shape.tokens
    assert shape.watched == ()


def test_a_name_that_is_no_token_hides_none_of_the_others() -> None:
    fields = ((b"A B", b"1"), (b"Origin", b"x"))
    assert not shape_of(names_of(fields), 2).tokens
    assert seen_in(fields) == {b"origin": [b"x"]}


def test_the_same_names_are_read_once_unless_they_are_long() -> None:
    assert shape_of(b"X-Once\nHost", 2) is shape_of(b"X-Once\nHost", 2)
    long = b"Host\n" + b"a" * MEMORABLE
    assert shape_of(long, 2) is not shape_of(long, 2)
    assert shape_of(long, 2) == shape_of(long, 2)
