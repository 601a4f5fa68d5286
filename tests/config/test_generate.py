from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.config import generate

ROOT = Path(__file__).parents[2]
AGAIN = "regenerate it: python -m sidecar.config.generate"


@pytest.mark.parametrize("name", generate.generated())
def test_the_file_in_the_repository_is_what_is_generated(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == generate.generated()[name], AGAIN


def test_all_files_are_written_below_the_folder(tmp_path: Path) -> None:
    generate.main(str(tmp_path))
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == set(generate.generated())


def test_it_is_a_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sidecar.config.generate", str(tmp_path)]
    subprocess.run(command, check=True, timeout=60)
    assert (tmp_path / "docs/configuration.md").is_file()
