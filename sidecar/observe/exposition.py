"""What was counted and what is read at that moment, as a page for Prometheus.

Loaded when somebody asks for the first time: the library takes memory, and longer to load than a request may wait.
"""

from __future__ import annotations

import functools
import platform
from collections.abc import Mapping
from itertools import accumulate
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder

from sidecar import __version__
from sidecar.observe import metric_table as table
from sidecar.session.state import Gate, Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from sidecar.observe.metric_table import Spec
    from sidecar.observe.metrics import Counted, Readings

_STATES: Final = (*(phase.value for phase in Phase), *(gate.value for gate in Gate if gate is not Gate.OPEN))

_TENANT: Final = "tenant"

Own = Mapping[str, tuple["Counted", "Readings"]]
"""Tenant → what was counted of it, and what its gauges show."""

_BOUNDS: Final = (*(str(bound) for bound in table.BUCKETS), "+Inf")


def render(counted: Counted, read: Readings, accept: str = "", own: Own = MappingProxyType({})) -> tuple[str, bytes]:
    """Return content type and text: OpenMetrics where the Accept field asks for it, else Prometheus' 0.0.4.

    Where there are several tenants, `own` holds what is each one's; the rest is the process's.
    """
    try:
        encode, kind = choose_encoder(accept)
    except (TypeError, ValueError):  # the library stumbles over a version that is no number
        encode, kind = choose_encoder("")
    return kind, encode(_Shared(counted, read, own) if own else _Page(counted, read))


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


class _Shared:
    """The same families, with a label more: whose of several tenants a series is, "" where it is the process's."""

    def __init__(self, counted: Counted, read: Readings, own: Own) -> None:
        self._counted = counted
        self._read = read
        self._own = own

    def collect(self) -> Iterator[Metric]:
        for spec in table.COUNTERS:
            family = CounterMetricFamily(spec.name, spec.meaning, labels=(*spec.labels, _TENANT))
            _fill(family, {labels: count for labels, count in self._counts(spec).items() if self._is_told(spec, count)})
            for tenant, (counted, _) in self._own.items():
                _fill(family, counted.counts[spec] if spec not in table.OF_THE_PROCESS else {}, tenant)
            yield family
        for spec in table.HISTOGRAMS:
            histogram = HistogramMetricFamily(spec.name, spec.meaning, labels=(_TENANT,))
            for tenant, counted in {"": self._counted, **{name: own for name, (own, _) in self._own.items()}}.items():
                counts, seconds = counted.durations[spec]
                if tenant or any(counts):
                    histogram.add_metric((tenant,), _buckets(counts), seconds)
            yield histogram
        yield from self._gauges()
        yield InfoMetricFamily(table.BUILD.name.removesuffix("_info"), table.BUILD.meaning, _build())
        yield from _process().collect()

    def _counts(self, spec: Spec) -> Mapping[tuple[str, ...], int]:
        return {(): self._read.spans_dropped} if spec is table.SPANS_LOST else self._counted.counts[spec]

    def _is_told(self, spec: Spec, count: int) -> bool:
        """Tell whether a series without a tenant is shown: hardly any of the tenants' kinds ever counts anything."""
        return spec in table.OF_THE_PROCESS or count > 0

    def _gauges(self) -> Iterator[Metric]:
        ours = _gauges(self._read)
        each = {tenant: _gauges(read) for tenant, (_, read) in self._own.items()}
        for spec, values in ours.items():
            family = GaugeMetricFamily(spec.name, spec.meaning, labels=(*spec.labels, _TENANT))
            _fill(family, values if spec in table.OF_THE_PROCESS or spec is table.READY else {})
            for tenant, own in each.items():
                _fill(family, own[spec] if spec not in table.OF_THE_PROCESS else {}, tenant)
            yield family


def _fill(
    family: CounterMetricFamily | GaugeMetricFamily,
    values: Mapping[tuple[str, ...], float | None],
    tenant: str = "",
) -> None:
    for labels, value in sorted(values.items()):
        if value is not None:
            family.add_metric((*labels, tenant), value)


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
        table.STORE_UP: {(): read.store_up},
    }


def _counter(spec: Spec, values: Mapping[tuple[str, ...], int]) -> Metric:
    family = CounterMetricFamily(spec.name, spec.meaning, labels=spec.labels)
    for labels, value in sorted(values.items()):
        family.add_metric(labels, value)
    return family


def _histogram(spec: Spec, counts: tuple[int, ...], seconds: float) -> Metric:
    family = HistogramMetricFamily(spec.name, spec.meaning)
    family.add_metric((), _buckets(counts), seconds)
    return family


def _buckets(counts: tuple[int, ...]) -> list[tuple[str, int]]:
    return list(zip(_BOUNDS, accumulate(counts), strict=True))


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
