"""The naive aiohttp proxy, which `naive_proxy.py` is."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench import site
from bench.subject import Recipe, Subject

if TYPE_CHECKING:
    from bench.site import Site

_PROGRAM: Final = Path(__file__).with_name("naive_proxy.py")


def _prepare(place: Site, folder: Path, port: int) -> Recipe:  # noqa: ARG001  # it reads its arguments, no file
    fields = json.dumps(site.FIXED)
    return Recipe((sys.executable, str(_PROGRAM), str(port), str(place.upstream), str(place.certificates), fields))


def _version() -> str:
    return f"aiohttp {importlib.metadata.version('aiohttp')}"


SUBJECT: Final = Subject("naive", "naive aiohttp proxy", _prepare, _version, "aiohttp is the sidecar's own dependency")
