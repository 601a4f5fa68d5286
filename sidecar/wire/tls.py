"""How to speak TLS with FinHub, as one value for both doors.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


@dataclass(frozen=True, slots=True)
class Tls:
    """The context (None for plain HTTP), and whether it presents a client certificate."""

    context: ssl.SSLContext | None
    presented: bool

    @property
    def for_aiohttp(self) -> ssl.SSLContext | bool:
        """The value of aiohttp's `ssl` argument; True for plain HTTP, where it is not looked at."""
        return True if self.context is None else self.context
