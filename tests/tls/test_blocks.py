from __future__ import annotations

import pytest

from sidecar.tls.blocks import CERTIFICATE, blocks, is_der, is_torn, join


def block(label: str, text: str = "AAAA") -> bytes:
    return f"-----BEGIN {label}-----\n{text}\n-----END {label}-----".encode()


def test_blocks_come_in_order_and_what_stands_between_them_goes() -> None:
    text = b"Bag Attributes\n" + block("CERTIFICATE") + "\n# Główny urząd\n".encode() + block("EC PRIVATE KEY") + b"\n"
    assert [(found.label, found.pem) for found in blocks(text)] == [
        ("CERTIFICATE", block("CERTIFICATE")),
        ("EC PRIVATE KEY", block("EC PRIVATE KEY")),
    ]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"-----END CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END PRIVATE KEY-----",
    ],
)
def test_half_a_block_is_none(text: bytes) -> None:
    assert list(blocks(text)) == []


def test_a_block_that_is_cut_short_does_not_swallow_the_next() -> None:
    text = b"-----BEGIN CERTIFICATE-----\nAA\n" + block("CERTIFICATE", "BBBB")
    assert [found.pem for found in blocks(text)] == [block("CERTIFICATE", "BBBB")]


def test_joining_takes_the_labels_that_were_asked_for() -> None:
    text = block("CERTIFICATE", "A") + block("PRIVATE KEY") + block("X509 CERTIFICATE", "B")
    assert join(text, CERTIFICATE) == block("CERTIFICATE", "A") + b"\n" + block("X509 CERTIFICATE", "B") + b"\n"
    assert join(block("PRIVATE KEY"), CERTIFICATE) == b""


def test_a_block_does_not_show_its_bytes() -> None:
    (found,) = blocks(block("PRIVATE KEY", "c2VjcmV0"))
    assert "c2VjcmV0" not in repr(found)


def test_binary_is_told_from_text() -> None:
    assert is_der(b"\x30\x82\x01\x00")
    assert not is_der(block("CERTIFICATE"))
    assert not is_der(b"")


@pytest.mark.parametrize(
    ("text", "torn"),
    [
        (b"", False),
        (b"-----BEGIN A-----\nx\n-----END A-----\n", False),
        (b"-----BEGIN A-----\nx\n-----END A-----\n-----BEGIN A-----\nx", True),
        (b"-----BEGIN A-----\nx\n-----BEGIN A-----\nx\n-----END A-----\n", True),
        (b"-----BEGIN A-----\nx\n-----END B-----\n", True),
        (b"-----END A-----\n", False),
    ],
)
def test_a_block_that_begins_and_does_not_end_is_torn(text: bytes, torn: bool) -> None:  # noqa: FBT001  # a row of the table
    assert is_torn(text) is torn
