"""The keys that seal a stored session: where they must not be readable, and what must be installed."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from sidecar import errors
from sidecar.app import material, store_key
from sidecar.config.build import build
from sidecar.config.defaults import defaults

if TYPE_CHECKING:
    from pathlib import Path

    from sidecar.config.model import Config

KEY = base64.b64encode(bytes(32)).decode()


def config(store: str, reference: dict[str, str] | None = None, **identity: Any) -> Config:
    session = {"store": store, "store_key": reference or {"env": "STORE_KEY"}}
    given = {"environment": "playground", "session": session, "credentials": {"tenant_id": "1"}, "identity": identity}
    return build(given, defaults("playground"))


def ring(one: Config, key: str = KEY) -> int:
    found = store_key.ring(one, material.read(one, {"STORE_KEY": key}))
    return 0 if found is None else len(found.keys)


def written(folder: Path, mode: int) -> dict[str, str]:
    (folder / "key").write_text(KEY)
    (folder / "key").chmod(mode)
    return {"file": str(folder / "key")}


@pytest.mark.parametrize("store", ["file:/tmp/x", "redis://cache"])
def test_the_keys_are_read(store: str) -> None:
    assert ring(config(store)) == 1


@pytest.mark.parametrize("mode", [0o600, 0o440, 0o400])
def test_a_key_file_of_its_own_user_or_group_is_taken(mode: int, tmp_path: Path) -> None:
    assert ring(config("file:x", written(tmp_path, mode))) == 1


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602])
def test_a_key_file_that_everybody_can_read_is_refused_but_for_a_word(mode: int, tmp_path: Path) -> None:
    reference = written(tmp_path, mode)
    with pytest.raises(errors.SecretError, match="every user of this machine"):
        ring(config("file:x", reference))
    assert ring(config("file:x", reference, unsafe_key_mode=True)) == 1


def test_a_file_that_was_taken_away_meanwhile_was_read(tmp_path: Path) -> None:
    one = config("file:x", written(tmp_path, 0o644))
    read = material.read(one, {})
    (tmp_path / "key").unlink()
    assert store_key.ring(one, read) is not None


def test_what_is_no_key_is_refused() -> None:
    with pytest.raises(errors.SecretError, match="line 1 is no key"):
        ring(config("file:x"), "hunter2")


def test_redis_without_its_library_is_told_before_anybody_can_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_key, "find_spec", lambda _: None)
    with pytest.raises(errors.ConfigError, match="extra fleet") as caught:
        ring(config("redis://cache"))
    assert "pip install" in caught.value.remedy
    assert ring(config("file:x")) == 1
