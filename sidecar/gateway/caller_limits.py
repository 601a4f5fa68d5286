"""What callers' connections may take up.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sidecar.gateway.pace import Pace

_AROUND_THE_TARGET: Final = 256
"""Bytes of a request line beside its target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerLimits:
    """The bounds of callers' connections: seconds, bytes and a count. The defaults are those of `[listen]`."""

    head_timeout: float = 10.0
    idle_timeout: float = 75.0
    write: Pace = field(default_factory=lambda: Pace(60.0, 240))
    max_target: int = 16 * 2**10
    max_field: int = 32 * 2**10
    max_fields: int = 128 * 2**10
    max_connections: int = 1024

    @property
    def longest_line(self) -> int:
        """What the parser is told: its complaint names the limit alone, so that no two may be the same."""
        return self.max_target + (self.max_target == self.max_field)

    @property
    def largest_head(self) -> int:
        """Bytes that may come before a head is whole."""
        return self.max_target + self.max_fields + _AROUND_THE_TARGET
