"""One caller's leaving, and what ends with it: whatever FinHub was not asked yet, and what changes nothing there.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar import errors

if TYPE_CHECKING:
    from collections.abc import Callable


class Departure:
    """Whether the caller of one request has left. `cancel` ends the request, and is called at most once.

    A `binding` request, such as a payment, runs to its end from the moment at which FinHub is asked: it may be
    executed by then, and only its reply tells.

    Attributes:
        left: the caller has left.
        ended: and the request ended with it, by `cancel`.
    """

    __slots__ = ("_asked", "_binding", "_cancel", "ended", "left")

    def __init__(self, cancel: Callable[[], object] | None = None, *, binding: bool = True) -> None:
        self.left = False
        self.ended = False
        self._asked = False
        self._binding = binding
        self._cancel = cancel

    def ends(self, cancel: Callable[[], object]) -> None:
        """Let `cancel` end the request from now on; it does so at once if the caller has left already."""
        self._cancel = cancel
        if self.left:
            self.left = False
            self.happen()

    def forget(self) -> None:
        """End nothing from now on: the request is over, and what would end it need not be kept."""
        self._cancel = None

    def happen(self) -> None:
        """Note that the caller has left, and end what need not go on."""
        if self.left:
            return
        self.left = True
        if self._cancel is not None and not (self._binding and self._asked):
            self.ended = True
            self._cancel()

    def before_asking(self) -> None:
        """Note that nothing is asked of FinHub, or nothing that it did not refuse.

        Raises:
            CallerGone: nobody is there to ask for.
        """
        self._asked = False
        if self.left:
            raise errors.CallerGone("the caller left before FinHub was asked")

    def asked(self) -> None:
        """Note that the first byte of the request is about to go to FinHub."""
        self._asked = True
