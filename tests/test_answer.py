from __future__ import annotations

import dataclasses

import pytest

from sidecar.answer import Answer


def test_an_answer_is_a_value_that_nobody_changes() -> None:
    answer = Answer(status=204)
    assert (answer, answer.fields, answer.body) == (Answer(status=204, fields=(), body=b""), (), b"")
    with pytest.raises(dataclasses.FrozenInstanceError):
        answer.status = 200  # type: ignore[misc]  # that is what is tried
