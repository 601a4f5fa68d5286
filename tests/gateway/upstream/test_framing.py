from __future__ import annotations

import pytest

from sidecar.gateway.upstream.framing import read

LENGTH, CHUNKED = (b"Content-Length", b"2"), (b"transfer-ENCODING", b" Chunked ")


@pytest.mark.parametrize(
    ("version", "fields", "keeps"),
    [
        ("1.1", (LENGTH,), True),
        ("1.1", (CHUNKED,), True),
        ("1.1", (), False),
        ("1.1", (LENGTH, (b"Connection", b"x, Close")), False),
        ("1.1", (LENGTH, (b"connection", b"keep-alive"), (b"Connection", b"close")), False),
        ("1.0", (LENGTH,), False),
        ("1.0", (LENGTH, (b"Connection", b"Keep-Alive")), True),
        ("1.0", ((b"Connection", b"keep-alive"),), False),
    ],
)
def test_a_connection_is_kept_behind_a_reply_that_has_an_end_of_its_own_unless_told_otherwise(
    version: str,
    fields: tuple[tuple[bytes, bytes], ...],
    keeps: bool,  # noqa: FBT001  # a column of the table
) -> None:
    assert read(200, version, fields, bodiless=False).keeps is keeps


@pytest.mark.parametrize(
    ("status", "fields", "bodiless", "until_close"),
    [
        (200, (), False, True),
        (200, (), True, False),
        (204, (), False, False),
        (304, (), False, False),
        (200, (LENGTH,), False, False),
        (200, (CHUNKED,), False, False),
    ],
)
def test_a_body_ends_with_the_connection_where_nothing_else_ends_it(
    status: int,
    fields: tuple[tuple[bytes, bytes], ...],
    bodiless: bool,  # noqa: FBT001  # a column of the table
    until_close: bool,  # noqa: FBT001  # a column of the table
) -> None:
    framed = read(status, "1.1", fields, bodiless=bodiless)
    assert (framed.until_close, framed.keeps) == (until_close, not until_close)


@pytest.mark.parametrize(
    ("status", "version", "fields", "fault"),
    [
        (200, "1.1", (CHUNKED,), ""),
        (200, "1.0", (LENGTH,), ""),
        (299, "1.1", (), ""),
        (101, "1.1", (), "switched protocols"),
        (99, "1.1", (), "sent a status that does not exist"),
        (0, "1.1", (), "sent a status that does not exist"),
        (200, "2.0", (), "spoke another version of HTTP"),
        (200, "0.9", (), "spoke another version of HTTP"),
        (200, "1.0", (CHUNKED,), "transfer-coded the reply"),
        (200, "1.1", ((b"Transfer-Encoding", b"gzip, chunked"),), "transfer-coded the reply"),
        (200, "1.1", (CHUNKED, CHUNKED), "transfer-coded the reply"),
        (200, "1.1", ((b"Transfer-Encoding", b"chunked 2"),), "transfer-coded the reply"),
        (200, "1.1", ((b"Transfer-Encoding", b""),), "transfer-coded the reply"),
    ],
)
def test_what_no_proxy_can_pass_on_has_a_name(
    status: int, version: str, fields: tuple[tuple[bytes, bytes], ...], fault: str
) -> None:
    assert read(status, version, fields, bodiless=False).fault == fault


def test_the_time_that_a_connection_is_kept_is_read_of_all_its_fields() -> None:
    fields = (LENGTH, (b"Keep-Alive", b"max=5, timeout=9"), (b"KEEP-ALIVE", b"timeout=5"))
    assert read(200, "1.1", fields, bodiless=False).rest == 4.0
    assert read(200, "1.1", (LENGTH,), bodiless=False).rest is None


@pytest.mark.parametrize("padding", [0, 200])
@pytest.mark.parametrize("name", [b"X-A", b"X-" + b"a" * 2000])
def test_nothing_changes_with_the_length_of_what_is_said(padding: int, name: bytes) -> None:
    fields = (LENGTH, (name, b"b"), (b"Connection", b"x" * padding + b", close"))
    for _ in range(2):
        assert read(200, "1.1", fields, bodiless=False).keeps is False
