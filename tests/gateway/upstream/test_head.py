from __future__ import annotations

import pytest

from sidecar.gateway.upstream.head import CHUNKED, head_of, measured


def test_a_head_holds_target_and_fields_byte_for_byte_and_the_framing_behind_them() -> None:
    fields = ((b"Host", b"a"), (b"x-B", b"caf\xc3\xa9"), (b"X-b", b""))
    assert head_of("GET", "/a?b", fields, ()) == b"GET /a?b HTTP/1.1\r\nHost: a\r\nx-B: caf\xc3\xa9\r\nX-b: \r\n\r\n"
    assert head_of("POST", "/", fields[:1], CHUNKED).endswith(b"Host: a\r\nTransfer-Encoding: chunked\r\n\r\n")


@pytest.mark.parametrize("evil", ["a\r\nX: y", "a\nb", "a\rb", "a\0b", "a\r\n\r\nGET / HTTP/1.1", "a\n\rb"])
def test_nothing_that_would_end_its_line_early_is_put_on_the_wire(evil: str) -> None:
    heads = [
        lambda: head_of("GET", "/" + evil, ((b"Host", b"a"),), ()),
        lambda: head_of("GET" + evil, "/", ((b"Host", b"a"),), ()),
        lambda: head_of("GET", "/", ((b"Host", evil.encode()),), ()),
        lambda: head_of("GET", "/", ((evil.encode(), b"a"),), ()),
    ]
    for head in heads:
        with pytest.raises(ValueError, match="CR, LF or NUL") as caught:
            head()
        assert evil not in str(caught.value)


@pytest.mark.parametrize(
    ("method", "fields", "length", "added"),
    [
        ("GET", (), 0, ()),
        ("HEAD", (), 0, ()),
        ("POST", (), 0, ((b"Content-Length", b"0"),)),
        ("POST", ((b"content-LENGTH", b"0"),), 0, ()),
        ("POST", ((b"Host", b"a"),), 5, ((b"Content-Length", b"5"),)),
        ("GET", ((b"Host", b"a"),), 5, ((b"Content-Length", b"5"),)),
        ("PUT", ((b"Content-Length", b"5"),), 5, ()),
    ],
)
def test_a_length_is_told_once_and_where_one_is_expected(
    method: str, fields: tuple[tuple[bytes, bytes], ...], length: int, added: tuple[tuple[bytes, bytes], ...]
) -> None:
    assert measured(method, fields, length) == added
