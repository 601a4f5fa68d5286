from __future__ import annotations

import pytest

from sidecar.errors import SecretError
from sidecar.secret.text import LONGEST, secret


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
