"""What was counted and what is read at that moment, as a page for Prometheus.

Loaded when somebody asks for the first time: the library takes memory, and longer to load than a request may wait.
"""

from __future__ import annotations

import functools
import platform
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder

from sidecar import __version__
from sidecar.observe import metric_table as table
from sidecar.session.state import Gate, Phase

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client.core import Metric

    from sidecar.observe.metric_table import Spec
    from sidecar.observe.metrics import Counted, Readings

_STATES: Final = (*(phase.value for phase in Phase), *(gate.value for gate in Gate if gate is not Gate.OPEN))

_BOUNDS: Final = (*(str(bound) for bound in table.BUCKETS), "+Inf")


def render(counted: Counted, read: Readings, accept: str = "") -> tuple[str, bytes]:
    """Return content type and text: OpenMetrics where the Accept field asks for it, else Prometheus' 0.0.4."""
    try:
        encode, kind = choose_encoder(accept)
    except (TypeError, ValueError):  # the library stumbles over a version that is no number
        encode, kind = choose_encoder("")
    return kind, encode(_Page(counted, read))


class _Page:
    """All families in the table's order, behind them the process's own."""

    def __init__(self, counted: Counted, read: Readings) -> None:
        self._counted = counted
        self._read = read

    def collect(self) -> Iterator[Metric]:
        counts = self._counted.counts | {table.SPANS_LOST: {(): self._read.spans_dropped}}
        yield from (_counter(spec, counts[spec]) for spec in table.COUNTERS)
        yield from (_histogram(spec, *self._counted.durations[spec]) for spec in table.HISTOGRAMS)
        yield from (_gauge(spec, values) for spec, values in _gauges(self._read).items())
        yield InfoMetricFamily(table.BUILD.name.removesuffix("_info"), table.BUILD.meaning, _build())
        yield from _process().collect()


def _gauges(read: Readings) -> dict[Spec, dict[tuple[str, ...], float | None]]:
    """Return each gauge's values by those of its labels; what there is not is None."""
    return {
        table.READY: {(): read.ready},
        table.IN_FLIGHT: {(): read.in_flight},
        table.STATE: {(state,): state == read.state for state in _STATES},
        table.TOKEN_EXPIRY: {(): read.token_expires},
        table.CERTIFICATE_EXPIRY: {("identity",): read.identity_expires, ("upstream",): read.upstream_expires},
        table.UPSTREAM_OPEN: {("busy",): read.upstream_busy, ("idle",): read.upstream_idle},
        table.UPSTREAM_MOST: {(): read.upstream_most},
        table.UPSTREAM_WAITING: {(): read.upstream_waiting},
        table.CALLERS_OPEN: {(): read.callers_open},
        table.CALLERS_MOST: {(): read.callers_most},
        table.TRAIL_FAILS: {(): read.trail_fails},
    }


def _counter(spec: Spec, values: Mapping[tuple[str, ...], int]) -> Metric:
    family = CounterMetricFamily(spec.name, spec.meaning, labels=spec.labels)
    for labels, value in sorted(values.items()):
        family.add_metric(labels, value)
    return family


def _histogram(spec: Spec, counts: tuple[int, ...], seconds: float) -> Metric:
    family = HistogramMetricFamily(spec.name, spec.meaning)
    family.add_metric((), list(zip(_BOUNDS, accumulate(counts), strict=True)), seconds)
    return family


def _gauge(spec: Spec, values: Mapping[tuple[str, ...], float | None]) -> Metric:
    family = GaugeMetricFamily(spec.name, spec.meaning, labels=spec.labels)
    for labels, value in values.items():
        if value is not None:
            family.add_metric(labels, value)
    return family


def _build() -> dict[str, str]:
    return {"version": __version__, "python": platform.python_version()}


@functools.cache
def _process() -> ProcessCollector:
    """Return what reads this process's CPU time, memory and files; on Linux alone, elsewhere it has nothing to tell."""
    return ProcessCollector(registry=None)
