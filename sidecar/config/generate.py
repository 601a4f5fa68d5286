"""Writes what is generated from the model: `python -m sidecar.config.generate [FOLDER]`, FOLDER is the repository."""

from __future__ import annotations

import sys
from pathlib import Path

from sidecar.config.model import ENVIRONMENTS
from sidecar.config.render import reference, sample


def generated() -> dict[str, str]:
    """Return every generated file: its path in the repository, and its text."""
    samples = {f"config/{environment}.toml": sample(environment) for environment in ENVIRONMENTS}
    return {**samples, "docs/configuration.md": reference()}


def main(folder: str = ".") -> None:
    """Write the generated files into the repository at `folder`."""
    for name, text in generated().items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
