from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

import pytest

from sidecar.cli import config as command
from sidecar.config.load import parse
from sidecar.config.render import sample
from sidecar.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that this machine's environment says about FinHub reaches the command."""
    for name in ("FINHUB_ENVIRONMENT", "FINHUB_WORKERS", "FINHUB_FIELDS"):
        monkeypatch.delenv(name, raising=False)


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    args = parser.parse_args(words)
    code: int = args.run(args)
    return code


def test_init_prints_a_file_to_start_with(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init", "--environment", "playground") == 0
    assert capsys.readouterr().out == sample("playground")


def test_init_is_for_production_unless_told_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init") == 0
    assert capsys.readouterr().out == sample("production")


def test_init_writes_a_file_and_says_what_comes_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "finhub.toml"
    assert run("init", "--output", str(path)) == 0
    assert path.read_text(encoding="utf-8") == sample("production")
    assert "finhub-sidecar check --config" in capsys.readouterr().out


def test_init_never_touches_a_file_that_exists(tmp_path: Path) -> None:
    path = tmp_path / "finhub.toml"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="exists already") as caught:
        run("init", "--output", str(path))
    assert "never overwritten" in caught.value.remedy
    assert path.read_text(encoding="utf-8") == "mine"


def test_init_says_why_a_file_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written: No such file or directory"):
        run("init", "--output", str(tmp_path / "absent" / "finhub.toml"))


def test_show_prints_what_is_in_effect(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "finhub.toml"
    run("init", "--output", str(path))
    monkeypatch.setenv("FINHUB_CREDENTIALS__PASSWORD", "hunter2")
    capsys.readouterr()
    assert run("show", "--config", str(path)) == 0
    shown = capsys.readouterr().out
    assert "hunter2" not in shown
    assert parse(shown, {}).identity.key_file == str(tmp_path / "certs/client.key")


def test_show_goes_without_a_file_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINHUB_CREDENTIALS__TENANT_ID", "42")
    assert run("show") == 0
    assert 'tenant_id = "42"' in capsys.readouterr().out


def test_show_refuses_what_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "finhub.toml"
    path.write_text("nonsense = 1", encoding="utf-8")
    with pytest.raises(ConfigError, match="nonsense: found an unknown key"):
        run("show", "--config", str(path))


def test_schema_prints_that_of_a_dialect_file_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("schema", "--dialect") == 0
    described = json.loads(capsys.readouterr().out)
    assert (described["title"], described["required"]) == ("finhub-sidecar dialect", ["login"])


def test_schema_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("schema") == 0
    assert json.loads(capsys.readouterr().out)["title"] == "finhub-sidecar"


@pytest.mark.parametrize("words", [(), ("nonsense",), ("init", "--environment", "moon")])
def test_other_words_are_a_usage_error(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(*words)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err
