from __future__ import annotations

import pytest

from sidecar.errors import SecretError
from sidecar.secret.text import LONGEST, less_one_newline, secret


def test_utf_8_text_is_a_secret() -> None:
    assert secret("pässword".encode(), "here").reveal() == "pässword"
    assert len(secret(b"x" * LONGEST, "here").reveal()) == LONGEST


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "is empty"), (b"x" * (LONGEST + 1), "64 KiB"), (b"a\0b", "NUL"), (b"hunter2\xe9", "not UTF-8")],
)
def test_anything_else_is_refused_with_a_remedy_and_not_shown(content: bytes, why: str) -> None:
    with pytest.raises(SecretError, match=f"here .*{why}") as caught:
        secret(content, "here")
    assert caught.value.remedy
    assert caught.value.__cause__ is None
    assert "hunter2" not in caught.value.detail + caught.value.remedy


@pytest.mark.parametrize(
    ("content", "left"), [(b"a\n", b"a"), (b"a\r\n", b"a"), (b"a\n\n", b"a\n"), (b"a\r", b"a\r"), (b"a", b"a")]
)
def test_one_trailing_newline_is_taken_off(content: bytes, left: bytes) -> None:
    assert less_one_newline(content) == left
