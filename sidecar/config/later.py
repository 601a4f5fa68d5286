"""What the contract names and this version does not have: as data, so that it is refused and never silently accepted.

Pure.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sidecar.config.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_AVAILABLE: Final = "not available in this version"

# Keys, and sections with all that is in them.
KEYS: Final[frozenset[str]] = frozenset()

# Keys of which this version has one value only.
VALUES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "workers": f"1; several workers are {NOT_AVAILABLE}",
    }
)


def is_later(key: str) -> bool:
    """Tell whether a dotted key, or the section it is in, is one of a later version."""
    return key in KEYS or key.partition(".")[0] in KEYS


def problem(key: str) -> Problem:
    """Return what to say about a key of a later version."""
    return Problem(key, f"a key that is {NOT_AVAILABLE}", "no such key")
