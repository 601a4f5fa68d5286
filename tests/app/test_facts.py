from __future__ import annotations

import dataclasses

import pytest
from wellness import facts

from sidecar.app.facts import ERROR, Facts, Problem


@pytest.mark.parametrize("one", [Problem(ERROR, "what", "sidecar", "remedy"), facts()])
def test_what_is_known_and_what_is_told_of_it_cannot_be_changed(one: Problem | Facts) -> None:
    name = dataclasses.fields(one)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(one, name, "another")


def test_what_is_not_said_is_in_order() -> None:
    known = facts()
    assert (known.broken, known.bug, known.audit, known.barred, known.works) == (None, None, "", "", True)
