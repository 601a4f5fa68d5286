from __future__ import annotations

import pytest

from sidecar.emulator.answers import FinHubError
from sidecar.emulator.multipart import Part, boundary, parts

BODY = (
    b'preamble\r\n--xx\r\nContent-Disposition: form-data; name="documentType"\r\n\r\nPASSPORT\r\n'
    b'--xx\r\nContent-Disposition: form-data; filename="p.pdf"; name="file"\r\nContent-Type: application/pdf\r\n\r\n'
    b"\x00\r\n--x\r\n\xff\r\n--xx--\r\n"
)


@pytest.mark.parametrize(
    ("content_type", "mark"),
    [
        ("multipart/form-data; boundary=xx", "xx"),
        ('Multipart/Form-Data; charset=utf-8; boundary="x x"', "x x"),
        ("multipart/mixed; boundary=xx", None),
        ("application/json", None),
        ("", None),
    ],
)
def test_the_boundary_is_in_the_content_type(content_type: str, mark: str | None) -> None:
    assert boundary(content_type) == mark


def test_parts_keep_their_bytes() -> None:
    assert parts(BODY, "xx") == [
        Part(name="documentType", filename="", content=b"PASSPORT"),
        Part(name="file", filename="p.pdf", content=b"\x00\r\n--x\r\n\xff"),
    ]


def test_a_body_may_begin_with_the_boundary() -> None:
    assert parts(b"--xx\r\n\r\nfree\r\n--xx--", "xx") == [Part(name="", filename="", content=b"free")]


@pytest.mark.parametrize("cut", [b"", b"no boundary", BODY[:-8], b"--xx\r\nno end of header\r\n--xx--"])
def test_a_body_that_does_not_end_is_400(cut: bytes) -> None:
    with pytest.raises(FinHubError) as raised:
        parts(cut, "xx")
    assert raised.value.answer.status == 400
