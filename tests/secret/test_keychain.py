from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import keyring
import pytest
import ring

from sidecar.config.refs import KeyringRef
from sidecar.errors import SecretError
from sidecar.redact import Secret
from sidecar.secret import keychain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REF = KeyringRef("https://finhub.example", "me@example")


@pytest.fixture(autouse=True)
def _in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(ring.WHERE, str(tmp_path / "ring"))
    before = keyring.get_keyring()
    keyring.set_keyring(ring.FileRing())
    yield
    keyring.set_keyring(before)


def test_what_is_stored_is_read() -> None:
    keychain.store(REF, Secret("pässword one"))
    keychain.store(KeyringRef("other", "me@example"), Secret("two"))
    assert keychain.read(REF).reveal() == "pässword one"


def test_what_is_stored_again_is_replaced() -> None:
    keychain.store(REF, Secret("one"))
    keychain.store(REF, Secret("two"))
    assert keychain.read(REF).reveal() == "two"


def test_an_entry_that_is_not_there_is_named_with_the_command_that_makes_it() -> None:
    with pytest.raises(SecretError, match=r"entry https://finhub.example/me@example does not exist") as caught:
        keychain.read(REF)
    assert caught.value.remedy == "Store it: finhub-sidecar login --keyring https://finhub.example/me@example"


def test_an_entry_that_is_empty_is_no_secret() -> None:
    keychain.store(REF, Secret(""))
    with pytest.raises(SecretError, match="is empty"):
        keychain.read(REF)


def test_a_keyring_that_cannot_be_used_is_told_without_its_own_words() -> None:
    for use in (keychain.read, lambda ref: keychain.store(ref, Secret("hunter2"))):
        with pytest.raises(SecretError, match="cannot be used: KeyringLocked") as caught:
            use(KeyringRef("locked", "me"))
        assert "hunter2" not in caught.value.detail + caught.value.remedy


def test_a_keyring_that_does_not_answer_is_given_up_and_not_asked_once_more_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered, asked = threading.Event(), list[str]()

    class Silent(ring.FileRing):
        def get_password(self, service: str, username: str) -> str | None:
            asked.append(username)
            answered.wait(20)
            return super().get_password(service, username)

    keychain.store(REF, Secret("one"))
    keyring.set_keyring(Silent())
    monkeypatch.setattr(keychain, "_PATIENCE", 0.05)
    for _ in range(3):
        with pytest.raises(SecretError, match=r"does not answer within 0\.05 s"):
            keychain.read(REF)
    assert asked == ["me@example"]
    monkeypatch.setattr(keychain, "_PATIENCE", 20)
    (left,) = keychain._left_behind  # noqa: SLF001  # nobody else knows it
    answered.set()
    left.join(20)
    assert keychain.read(REF).reveal() == "one"


def test_without_the_library_its_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(SecretError, match="not installed") as caught:
        keychain.read(REF)
    assert caught.value.remedy == "Install it: pip install 'finhub-sidecar[keyring]'"
