from __future__ import annotations

import pytest
from pydantic import ValidationError

from sidecar.config.section import Section


class Sample(Section):
    """A table of one key."""

    key: int = 0


def test_a_table_takes_no_key_but_its_own_and_never_shows_a_value() -> None:
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate({"key": "hunter2", "other": "hunter2"})
    assert "hunter2" not in str(caught.value)
    assert caught.value.error_count() == 2


def test_a_table_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Sample().key = 1
