"""One scrape: what was counted, what is to be read at that moment, and the text, which a thread writes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from sidecar.admin import health
from sidecar.observe.metrics import Metrics, Readings
from sidecar.wire.clock import steady, utc_now

if TYPE_CHECKING:
    from sidecar.admin.health import Vitals
    from sidecar.app.lanes import Tenant
    from sidecar.config.model import Config
    from sidecar.observe.metrics import Counted
    from sidecar.tls.identity import Identity


Several = Mapping[str, tuple[Metrics, Readings]]
"""Tenant → its counters and its gauges."""


@dataclass(frozen=True, slots=True)
class Now:
    """What only the assembly knows at this moment: its vitals, what is on its way and open, and what goes wrong."""

    vitals: Vitals
    in_flight: int
    callers_open: int = 0
    trail_fails: bool = False
    spans_dropped: int = 0


async def scrape(
    metrics: Metrics, read: Readings, accept: str, several: Several = MappingProxyType({})
) -> tuple[str, bytes]:
    """Return what `/metrics` shows: its content type, and the text; of `several` tenants each one's own."""
    own = {tenant: (counted.snapshot(), gauges) for tenant, (counted, gauges) in several.items()}
    return await asyncio.to_thread(_render, metrics.snapshot(), read, accept, own)


def readings(config: Config, tenant: Tenant, identity: Identity | None, now: Now) -> Readings:
    """Return what the gauges show now."""
    shown, upstream = tenant.source.session(), tenant.upstream
    return Readings(
        ready=health.ready(now.vitals).good,
        in_flight=now.in_flight,
        state=shown.word,
        token_expires=None if shown.expires_at is None else utc_now() + shown.expires_at - steady(),
        identity_expires=None if identity is None else identity.not_after.timestamp(),
        upstream_expires=upstream.certificate_expires,
        upstream_busy=upstream.busy,
        upstream_idle=upstream.idle,
        upstream_most=config.upstream.max_connections,
        upstream_waiting=upstream.waiting,
        callers_open=now.callers_open,
        callers_most=config.listen.max_connections,
        trail_fails=now.trail_fails,
        spans_dropped=now.spans_dropped,
        store_up=None if tenant.fleet is None else tenant.fleet.store.up,
    )


def _render(
    counted: Counted, read: Readings, accept: str, own: Mapping[str, tuple[Counted, Readings]]
) -> tuple[str, bytes]:
    from sidecar.observe.exposition import render  # noqa: PLC0415  # takes memory and time where nobody may ask

    return render(counted, read, accept, own)
