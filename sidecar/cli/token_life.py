"""A token's life as one line of characters: what of it is over, when it is renewed, and the window for that.

Pure. Instants are POSIX seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sidecar.cli.words import instant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sidecar.cli.look import Signs


@dataclass(frozen=True, slots=True)
class Life:
    """The stretch of time to be drawn: a token's life, or the wait for the next try, which has no renewal in it."""

    begins: float
    ends: float
    renew: float | None = None
    opens: float | None = None


def life_of(session: Mapping[str, Any], more: Mapping[str, Any], now: float) -> Life | None:
    """Return what `/status` and `/history` tell of the session's life; None where there is nothing to be drawn."""
    ends, begins = instant(session.get("expires_at")), instant(more.get("minted_at"))
    since, tries = instant(session.get("since")), instant(more.get("tries_at"))
    if ends is not None and ends > now:
        started = begins if begins is not None else since
        return (
            None
            if started is None
            else Life(started, ends, instant(session.get("renew_at")), instant(more.get("window_at")))
        )
    return None if since is None or tries is None else Life(since, tries)


def line_of(life: Life, now: float, width: int, signs: Signs) -> str:
    """Return the line, `width` characters long."""
    length = max(life.ends - life.begins, 1e-9)

    def place(at: float) -> int:
        return min(max(int((at - life.begins) / length * width), 0), width - 1)

    drawn = [signs.ahead] * width
    if life.opens is not None:
        start = place(life.opens)
        drawn[start:] = [signs.window] * (width - start)
    drawn[: place(now)] = [signs.gone] * place(now)
    if life.renew is not None:
        drawn[place(life.renew)] = signs.renew
    drawn[place(now)] = signs.now
    return "".join(drawn)
