"""What follows one request through the gateway, where requests are traced. Nothing of it is there when they are not.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sidecar.events import Forwarded
    from sidecar.rawfields import RawFields


class Trace(Protocol):
    """One caller's request, as whoever traces it follows it. No method waits or raises."""

    def asks(self, fields: RawFields) -> RawFields:
        """Note that the request is about to be sent, or to be sent again; return `fields` with the trace in them."""
        ...

    def hears(self, status: int) -> None:
        """Note what FinHub answered to the last sending."""
        ...

    def over(self, event: Forwarded) -> None:
        """Note the end of the request."""
        ...


class Tracing(Protocol):
    """Whoever traces requests."""

    def begin(self, method: str, path: str, fields: RawFields) -> Trace:
        """Return what follows a request that came with these fields; called in a context of its own."""
        ...
