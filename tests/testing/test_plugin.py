"""The plugin as pytest loads it, in runs of their own; and every example of docs/testing.md."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import re
import tomllib
from typing import TYPE_CHECKING, Any

import house
import pytest

from sidecar.cli.emulator import add_arguments
from sidecar.emulator import scenario

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ("pytester",)

PLUGIN = "sidecar.testing.plugin"
PAGE = (house.ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
BALANCE = "/api/v2.1/fintrans/acc-1/balance"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def is_installed() -> bool:
    return bool(importlib.metadata.entry_points(group="pytest11", name="finhub"))


@pytest.fixture
def outcome(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, int]]:
    """Run pytest on this test file, in a process of its own with no other plugin; return how it went."""
    monkeypatch.setenv("PYTHONPATH", str(house.ROOT), prepend=os.pathsep)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(source: str, *arguments: str) -> dict[str, int]:
        pytester.makepyfile(test_theirs=source)
        result = pytester.runpytest_subprocess(
            "-p", PLUGIN, "--strict-markers", "-W", "error", "-p", "no:cacheprovider", *arguments, timeout=120
        )
        return {name: count for name, count in result.parseoutcomes().items() if name != "seconds"}

    return run


def test_it_is_named_as_a_plugin_of_pytests() -> None:
    with (house.ROOT / "pyproject.toml").open("rb") as file:
        assert tomllib.load(file)["project"]["entry-points"]["pytest11"] == {"finhub": PLUGIN}
    if is_installed():
        found = importlib.metadata.entry_points(group="pytest11", name="finhub")
        assert [each.value for each in found] == [PLUGIN]


def test_it_imports_nothing_until_a_fixture_is_asked_for(outcome: Callable[..., dict[str, int]]) -> None:
    source = """
        import sys

        def test_nothing_of_the_sidecar_is_loaded():
            ours = {name for name in sys.modules if name.startswith("sidecar")}
            assert ours == {"sidecar", "sidecar.testing", "sidecar.testing.plugin"}
            assert "aiohttp" not in sys.modules
            assert "cryptography" not in sys.modules
    """
    assert outcome(source) == {"passed": 1}


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_each_example_of_the_page_passes(outcome: Callable[..., dict[str, int]], number: int) -> None:
    assert outcome(blocks("python")[number]) == {"passed": 1}


def test_each_test_gets_a_finhub_of_its_own_and_the_marker_nearest_to_it_wins(
    outcome: Callable[..., dict[str, int]],
) -> None:
    source = """
        import pytest

        pytestmark = pytest.mark.finhub(environment="integration", token_lifetime=5)

        @pytest.mark.finhub(token_lifetime=7)
        @pytest.mark.parametrize("turn", [1, 2])
        def test_both(finhub, turn):
            settings = finhub._emulator.settings
            assert (settings.environment, settings.token_lifetime) == ("integration", 7)
            assert finhub.counts.connections == 0 and finhub.seen == []
            import urllib.request
            urllib.request.urlopen(finhub.admin_url + "/-/expire", b"")

        def test_one(finhub):
            assert finhub._emulator.settings.token_lifetime == 5
    """
    assert outcome(source) == {"passed": 3}


def test_a_wrong_setting_is_told_in_words(outcome: Callable[..., dict[str, int]], capfd: Any) -> None:
    source = """
        import pytest

        @pytest.mark.finhub(scenario="[[step]]\\nat = 1\\ndo = 'explode'\\n")
        def test_never(finhub): ...
    """
    assert outcome(source) == {"errors": 1}
    assert "do takes one of expire" in capfd.readouterr().out


@pytest.mark.skipif(not is_installed(), reason="this environment knows no entry point: installed before it was there")
def test_pytest_finds_it_by_itself(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(house.ROOT), prepend=os.pathsep)
    pytester.makepyfile(test_theirs="def test_it(finhub): assert finhub.url.startswith('https://localhost:')")
    pytester.runpytest_subprocess(timeout=60).assert_outcomes(passed=1)


def test_the_scenarios_of_the_page_can_be_played() -> None:
    read = [scenario.parse(text) for text in blocks("toml")]
    assert [len(steps) for steps in read] == [1, 2, 1, 2, 2]
    assert {step.deed for steps in read for step in steps} == {"", "expire", "revoke", "lockout", *scenario.DEEDS[3:]}


def test_the_page_names_every_deed_and_every_path_of_the_control_door() -> None:
    assert all(f'`do = "{deed}"`' in PAGE for deed in scenario.DEEDS)
    control = (house.ROOT / "sidecar" / "emulator" / "control.py").read_text(encoding="utf-8")
    assert {path for path in re.findall(r'"(/-/[a-z]+)"', control) if path not in PAGE} == set()


def test_the_commands_of_the_page_are_commands() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    command = blocks("sh")[0].split()
    assert command[:2] == ["finhub-sidecar", "emulator"]
    assert str(parser.parse_args(command[2:]).scenario) == "scenario.toml"


def test_the_sidecars_own_run_never_loads_it() -> None:
    sources = [path for path in house.modules() if not path.startswith("sidecar/testing/")]
    assert [path for path in sources if "sidecar.testing" in (house.ROOT / path).read_text(encoding="utf-8")] == []
