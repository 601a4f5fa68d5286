"""The defaults of an environment, read from the data files beside this module.

Thin: the only reader of package data in this room.
"""

from __future__ import annotations

import importlib.resources
import tomllib
from typing import Any


def defaults(environment: str) -> dict[str, Any]:
    """Return the tables that an environment brings: upstream.url, session.dialect, session.lifetime and fields."""
    folder = importlib.resources.files("sidecar.config") / "environments"
    return tomllib.loads((folder / f"{environment}.toml").read_text(encoding="utf-8"))
