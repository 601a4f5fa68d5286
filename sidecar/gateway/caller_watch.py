"""How long a caller's connection may take: over a head, between two requests, and over the end of a reply.

Pure. Instants are seconds on one clock, which never goes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sidecar.gateway.caller_limits import CallerLimits

HEAD: Final = "head"
IDLE: Final = "idle"


class Watch:
    """The times of one connection, since `now`."""

    __slots__ = ("_head_began", "_head_size", "_idle_since", "_limits", "_unsent")

    def __init__(self, limits: CallerLimits, now: float) -> None:
        self._limits = limits
        self._head_began: float | None = None
        self._head_size = 0
        self._idle_since = now
        self._unsent: tuple[float, int] | None = None

    def head_goes_on(self, data: bytes, now: float) -> bool:
        """Note more of a head that is not whole; tell whether it is too large. Empty lines before it are nothing."""
        if self._head_began is None:
            if not data.strip(b"\r\n"):
                return False
            self._head_began = now
        self._head_size += len(data)
        return self._head_size > self._limits.largest_head

    def head_is_whole(self) -> None:
        """Note that the next head begins anew."""
        self._head_began, self._head_size = None, 0

    def request_is_over(self, now: float) -> None:
        """Note that the connection is idle from now on."""
        self._idle_since = max(self._idle_since, now)

    def overdue(self, now: float, *, serving: bool) -> str:
        """Return what has taken too long: HEAD, IDLE, or "" for nothing, as while a request is served."""
        if serving:
            self._idle_since = now
            if self._head_began is not None:
                self._head_began = now  # what came too early waits for its turn
        elif self._head_began is None:
            return IDLE if now - self._idle_since >= self._limits.idle_timeout else ""
        elif now - self._head_began >= self._limits.head_timeout:
            return HEAD
        return ""

    def all_is_sent(self) -> None:
        """Note that nothing of a reply waits for the caller."""
        self._unsent = None

    def is_stuck(self, now: float, left: int, *, written: bool) -> bool:
        """Tell whether the caller takes too slowly what waits for it, of which so many bytes are `left`.

        While it is `written` on, new bytes take the place of old ones: then no change at all is what stands still.
        """
        if self._unsent is None or (written and self._unsent[1] != left):
            self._unsent = (now, left)
        since, size = self._unsent
        return self._limits.write.patience(now - since, max(0, size - left)) <= 0
