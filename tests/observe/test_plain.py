from __future__ import annotations

import pytest

from sidecar.observe.plain import plain, plain_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /a b?ü=→", "GET /a b?ü=→"),
        ("", ""),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[31mred\x9b0m", r"\x1b[31mred\x9b0m"),
        ("\x7f\x00", r"\x7f\x00"),
        ("\u2028\u202e\ufeff", r"\u2028\u202e\ufeff"),
        ("caf\udce9", r"caf\udce9"),
        ("\U000e0001", r"\U000e0001"),
    ],
)
def test_what_is_not_printable_is_spelt_out(text: str, shown: str) -> None:
    assert plain(text) == shown
    assert plain(text).isprintable()


def test_a_detail_keeps_its_lines_and_nothing_else() -> None:
    assert plain_lines("a\x1b\nb\r") == "a\\x1b\nb\\r"
