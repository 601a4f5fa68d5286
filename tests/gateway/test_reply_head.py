from __future__ import annotations

import pytest

from sidecar.gateway.reply_head import HTTP_10, HTTP_11, Head, head_of, reason_of

MEASURED = ((b"Content-Length", b"2"),)
CHUNKS = b"Transfer-Encoding: chunked\r\n"
CLOSE = b"Connection: close\r\n"
KEEP = b"Connection: keep-alive\r\n"


def head(version: tuple[int, int] = HTTP_11, method: str = "GET", **more: object) -> Head:
    told: dict[str, object] = {"last": False, "status": 200, "reason": b"OK", "fields": (), **more}
    return head_of(version, method, **told)  # type: ignore[arg-type]  # each test names what it changes


def lines(made: Head) -> bytes:
    return made.raw.partition(b"\r\n")[2].removesuffix(b"\r\n")


def test_the_status_line_and_the_fields_stand_as_they_came() -> None:
    made = head(status=299, reason=b"Very  Good", fields=((b"eTag", b"x"), (b"eTag", b"caf\xe9"), *MEASURED))
    assert made.raw == b"HTTP/1.1 299 Very  Good\r\neTag: x\r\neTag: caf\xe9\r\nContent-Length: 2\r\n\r\n"


@pytest.mark.parametrize(
    ("version", "last", "fields", "framed"),
    [
        (HTTP_11, False, MEASURED, b"Content-Length: 2\r\n"),
        (HTTP_11, True, MEASURED, b"Content-Length: 2\r\n" + CLOSE),
        (HTTP_11, False, (), CHUNKS),
        (HTTP_11, True, (), CHUNKS + CLOSE),
        (HTTP_10, False, MEASURED, b"Content-Length: 2\r\n" + KEEP),
        (HTTP_10, True, MEASURED, b"Content-Length: 2\r\n"),
        (HTTP_10, False, (), b""),  # the end of the connection is the end of the body
        (HTTP_10, True, (), b""),
        (HTTP_11, False, ((b"cONTENT-lENGTH", b"2"),), b"cONTENT-lENGTH: 2\r\n"),
    ],
)
def test_what_frames_the_body_is_what_the_caller_understands(
    version: tuple[int, int], fields: tuple[tuple[bytes, bytes], ...], framed: bytes, *, last: bool
) -> None:
    made = head(version, last=last, fields=fields)
    assert lines(made) == framed
    assert made.chunked is (CHUNKS in framed)
    assert made.last is (last or (version == HTTP_10 and not fields))
    assert not made.bodiless


@pytest.mark.parametrize("status", [204, 304])
def test_a_reply_that_never_has_a_body_announces_none(status: int) -> None:
    made = head(status=status, fields=((b"ETag", b"x"), *MEASURED))
    assert (lines(made), made.bodiless, made.chunked, made.last) == (b"ETag: x\r\n", True, False, False)


@pytest.mark.parametrize("fields", [MEASURED, ()])
def test_a_reply_to_head_keeps_the_length_that_it_would_have(fields: tuple[tuple[bytes, bytes], ...]) -> None:
    made = head(method="HEAD", fields=fields)
    assert (lines(made), made.bodiless) == (b"Content-Length: 2\r\n" if fields else b"", True)


def test_a_status_has_its_phrase_and_a_strange_one_none() -> None:
    assert (reason_of(404), reason_of(799)) == (b"Not Found", b"")
