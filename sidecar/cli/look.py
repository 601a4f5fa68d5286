"""What a terminal can show: how wide it is, whether in colours, and by which signs.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sidecar.observe.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLORS: Final[Mapping[str, str]] = {"ok": "32", "warning": "33", "error": "31", "faint": "2", "strong": "1"}
_NARROWEST, _WIDEST = 40, 110


@dataclass(frozen=True, slots=True)
class Signs:
    """The characters beyond letters: each has a stand-in that every encoding knows."""

    ok: str
    warning: str
    error: str
    gone: str
    ahead: str
    window: str
    renew: str
    now: str
    bars: str

    def __str__(self) -> str:
        """Return all of them."""
        return (
            self.ok
            + self.warning
            + self.error
            + self.gone
            + self.ahead
            + self.window
            + self.renew
            + self.now
            + self.bars
        )


FINE: Final = Signs("✓", "!", "✗", "━", "─", "░", "│", "●", "▁▂▃▄▅▆▇█")
ROUGH: Final = Signs("+", "!", "x", "=", "-", ":", "|", "o", "_.-=+*%#")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How the lines are to look."""

    width: int = 80
    colors: bool = False
    signs: Signs = FINE

    @classmethod
    def of(cls, *, columns: int, terminal: bool, environ: Mapping[str, str], encoding: str) -> Look:
        """Return what suits a stream: colours on a terminal without NO_COLOR (no-color.org), its width and encoding."""
        colors = terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        width = min(max(columns, _NARROWEST), _WIDEST)
        return cls(width=width, colors=colors, signs=FINE if _can_write(encoding) else ROUGH)

    def sign(self, tone: str) -> str:
        """Return the sign of "ok", "warning" or "error" in its colour."""
        return self.paint(str(getattr(self.signs, tone)), tone)

    def paint(self, text: str, tone: str) -> str:
        """Return `text`, made printable, in the colour of a tone where there are colours."""
        shown = plain(text)
        return f"\x1b[{_COLORS[tone]}m{shown}\x1b[0m" if self.colors and tone in _COLORS else shown


def _can_write(encoding: str) -> bool:
    try:
        str(FINE).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
