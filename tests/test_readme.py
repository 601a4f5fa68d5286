"""README's word: its commands exist and are what CI runs, its configurations are accepted, its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
PAGES = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "docs/ARCHITECTURE.md", "docs/CONTRACT.md"]

# Every `finhub-sidecar …` that README shows, up to the end of its line or code span.
_NAMES = "demo|run|emulator|check|config|status|wait|quit|exec|audit|login|certs|completion"
_COMMAND = re.compile(rf"finhub-sidecar ((?:{_NAMES})\b[^`\n#|]*)")
SHOWN = sorted({shown.strip() for shown in re.findall(_COMMAND, README)})


def blocks(mark: str) -> list[str]:
    """Return the code block that follows the comment `<!-- mark -->`, as a list of its lines."""
    found = re.search(rf"^<!-- {re.escape(mark)} -->\n```\w+\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
    assert found, f"README.md has no block marked {mark!r}"
    return found[1].splitlines()


@pytest.mark.parametrize("name", ["demo", "test"])
def test_the_first_commands_are_one_line_that_ci_takes_from_here(name: str) -> None:
    (line,) = blocks(f"command: {name}")
    assert line.startswith("python3 -m venv .venv && ")
    assert f"readme_command {name}" in CI


def test_the_first_commands_install_only_what_is_locked() -> None:
    for line in (*blocks("command: demo"), *blocks("command: test")):
        for step in re.findall(r"pip install ([^&]+)", line):
            assert "--no-deps --no-build-isolation -e ." in step or set(re.findall(r"-r (\S+)", step)) <= locks()
            assert "-r " in step or step.strip().endswith("-e .")


def locks() -> set[str]:
    return {path.name for path in ROOT.glob("requirements*.txt")}


def test_ci_script_is_sound_bash() -> None:
    for script in ("run", "lock", "image"):
        subprocess.run(["bash", "-n", str(ROOT / ".ci" / script)], check=True)


@pytest.mark.parametrize("start", ["path: legacy", "path: local"])
def test_each_start_is_three_commands_at_most(start: str) -> None:
    assert 1 <= len(blocks(start)) <= 3


@pytest.mark.parametrize("shown", SHOWN)
def test_every_command_and_option_that_readme_shows_exists(shown: str) -> None:
    pytest.importorskip("sidecar.cli")
    words = shown.split()
    command = words[:2] if words[0] in {"config", "audit", "certs"} else words[:1]
    result = subprocess.run(
        [sys.executable, "-m", "sidecar", *command, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert result.returncode == 0, result.stderr
    assert [option for option in re.findall(r"--[a-z-]+", shown) if option not in result.stdout] == []


@pytest.mark.parametrize("which", ["legacy", "playground"])
def test_every_configuration_that_readme_shows_is_accepted(which: str, tmp_path: Path) -> None:
    load = pytest.importorskip("sidecar.config.load")
    file = tmp_path / "sidecar.toml"
    file.write_text("\n".join(blocks(f"config: {which}")))
    config = load.load(file, {})
    assert config.credentials.tenant_id == "1234567"
    assert config.environment == ("playground" if which == "playground" else "production")


@pytest.mark.parametrize("page", PAGES)
def test_links_to_our_own_pages_lead_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / page).read_text(encoding="utf-8"))
    assert [target for target in targets if not (folder / target).exists()] == []
