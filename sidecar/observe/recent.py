"""The last events but requests, as the log tells them: for the one who looks at the page.

What is kept was rendered when it happened: a secret that lived then, and may be gone by now, is out of it already.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sidecar import events
from sidecar.observe import log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KEPT: Final = 50

SomeEvent = TypeVar("SomeEvent", bound=events.Event)


@dataclass(frozen=True, slots=True)
class Told:
    """One event: when it was told (POSIX), its level, its words and its members, free of secrets."""

    at: float
    level: str
    words: str
    members: Mapping[str, Any]


class Recent:
    """The listener that remembers. `utc_now` returns POSIX seconds.

    Attributes:
        told: the last events, oldest first.
        minted_at: when the token in use was minted, or the last one was; None before the first.
    """

    def __init__(self, utc_now: Callable[[], float]) -> None:
        self.told: deque[Told] = deque(maxlen=KEPT)
        self.minted_at: float | None = None
        self._utc_now = utc_now
        self._last: dict[type[events.Event], tuple[float, events.Event]] = {}

    def __call__(self, event: events.Event) -> None:
        """Keep `event` unless it is a request's."""
        if isinstance(event, events.Forwarded):
            return
        now = self._utc_now()
        self.told.append(Told(now, *log.told(event)))
        self._last[type(event)] = now, event
        if isinstance(event, events.Minted) and event.kind != "unchanged":  # a countdown is no other token
            self.minted_at = now - event.duration

    def last(self, kind: type[SomeEvent], within: float) -> SomeEvent | None:
        """Return the last event of `kind`, if it was told in the last `within` seconds."""
        at, event = self._last.get(kind, (float("-inf"), None))
        return event if isinstance(event, kind) and self._utc_now() - at <= within else None
