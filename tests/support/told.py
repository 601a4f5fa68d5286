"""The event of an ordinary request, for tests of what listens to events."""

from __future__ import annotations

from typing import Final

from sidecar.events import Forwarded

PLAIN: Final = Forwarded(
    request_id="r-1",
    method="GET",
    path="/a",
    status=200,
    upstream_status=200,
    source="upstream",
    reason="",
    rule="",
    duration=0.1,
    upstream_duration=0.1,
    received=0,
    sent=12,
    attempts=1,
    replay="",
    outcome="complete",
)
