"""The defaults of an environment, read from the data files beside this module.

Thin: the only reader of package data in this room.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

_FOLDER: Final = Path(__file__).with_name("environments")


def defaults(environment: str) -> dict[str, Any]:
    """Return the tables that an environment brings: upstream.url, session.dialect, session.lifetime and fields."""
    return tomllib.loads((_FOLDER / f"{environment}.toml").read_text(encoding="utf-8"))
