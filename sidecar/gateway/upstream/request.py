"""What is asked of the upstream, and within which bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sidecar.gateway.departure import Departure

if TYPE_CHECKING:
    from sidecar.gateway.body import ReplayableBody
    from sidecar.gateway.trace import Trace
    from sidecar.rawfields import RawFields

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""RFC 9110 §9.2.1: these may be sent again on a new connection when the pooled one was dead (CONTRACT §6)."""

PREFETCH: Final = 65536
"""A connection is taken once so many bytes of the caller's body are here, or all of it."""


@dataclass(slots=True)  # changed for a trace alone; frozen, each would cost three times as much to make
class Request:
    """What goes on the wire: the origin-form target and the fields exactly as they are to be sent.

    `sendings` is told why the request was put on the wire again, `departure` when the first byte is about to go, and
    `trace`, if there is one, of the sending again. `upgrade` is the protocol that the fields ask for, if any.
    """

    method: str
    target: str
    fields: RawFields = field(repr=False)  # Authorization is among them
    body: ReplayableBody
    sendings: list[str]
    departure: Departure = field(default_factory=Departure)
    trace: Trace | None = None
    upgrade: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Connections, and seconds: for a free one, to connect, to the first byte of the reply, between bytes."""

    connections: int
    wait: float
    connect: float
    response: float
    idle: float
