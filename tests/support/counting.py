"""Requests and readings to count, and what a scrape of them shows."""

from __future__ import annotations

from typing import Any

from scrape import samples

from sidecar import events
from sidecar.observe.exposition import render
from sidecar.observe.metrics import Metrics, Readings

READINGS = Readings(
    ready=True,
    in_flight=0,
    state="EMPTY",
    token_expires=None,
    identity_expires=None,
    upstream_expires=None,
    upstream_busy=0,
    upstream_idle=0,
    upstream_most=100,
    upstream_waiting=0,
    callers_open=0,
    callers_most=1024,
    trail_fails=False,
    spans_dropped=0,
)

FORWARDED: dict[str, Any] = {
    "request_id": "r-1",
    "method": "GET",
    "path": "/a",
    "status": 200,
    "upstream_status": 200,
    "source": "upstream",
    "reason": "",
    "rule": "",
    "duration": 0.3,
    "upstream_duration": 0.2,
    "session_wait": 0.02,
    "received": 5,
    "sent": 12,
    "attempts": 1,
    "replay": "",
    "outcome": "complete",
}


def forwarded(**changes: Any) -> events.Forwarded:
    """Return the event of an ordinary request, but for `changes`."""
    return events.Forwarded(**{**FORWARDED, **changes})


def text(metrics: Metrics, read: Readings = READINGS) -> bytes:
    """Return what a scrape shows."""
    return render(metrics.snapshot(), read)[1]


def changed_by(*told: events.Event) -> dict[str, float]:
    """Return the samples that these events change, and what they are then; buckets and the process's own left out."""
    metrics = Metrics()
    before = samples(text(metrics))
    for event in told:
        metrics(event)
    after = samples(text(metrics))
    changed = {key: value for key, value in after.items() if before.get(key) != value}
    return {key: value for key, value in changed.items() if "_bucket{" not in key and not key.startswith("process_")}
