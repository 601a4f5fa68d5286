from __future__ import annotations

import pytest

from sidecar.config import later
from sidecar.config.catalogue import keys


@pytest.mark.parametrize("key", ["tomorrow", "tomorrow.name", "session.tomorrow"])
def test_keys_of_a_later_version_are_known_as_such(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(later, "KEYS", frozenset({"tomorrow", "session.tomorrow"}))
    assert later.is_later(key)
    assert later.NOT_AVAILABLE in str(later.problem(key))


@pytest.mark.parametrize("key", ["session.store", "session", "listen.address", "nonsense"])
def test_other_keys_are_not(key: str) -> None:
    assert not later.is_later(key)


def test_no_key_is_both_here_and_later() -> None:
    here = {key.name for key in keys()}
    assert here.isdisjoint(later.KEYS)
    assert here >= later.VALUES.keys()
