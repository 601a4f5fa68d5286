"""Readings as a run might leave them, every ratio of them known."""

from __future__ import annotations

from bench.readings import AGED, FRESH, Kind, Measure, Readings

SHARES = {"sidecar": 4.0, "nginx": 8.0, "envoy": 2.0, "naive": 1.0}
ONCE = (Kind.ADDED, Kind.START, Kind.DOWNLOAD, Kind.UPLOAD)
MANY = (Kind.RATE, Kind.CPU, Kind.P50, Kind.P99, Kind.MEMORY)


def short() -> Readings:
    """Return an ordinary run: the sidecar has half of all that nginx has, twice Envoy's, four times the naive's."""
    readings = Readings()
    for number in range(3):
        for name, share in SHARES.items():
            for kind in ONCE:
                readings.add(Measure(kind), name, number, share)
            for kind in MANY:
                for callers in (1, 64, 256):
                    readings.add(Measure(kind, callers), name, number, share)
    return readings


def long() -> Readings:
    """Return a run with the long part: costs grow by a twentieth with idle callers, and by a fifth with the past."""
    readings = short()
    readings.add(Measure(Kind.IDLE_CPU, 1), "sidecar", 0, 100.0)
    readings.add(Measure(Kind.IDLE_CPU, 1000), "sidecar", 0, 105.0)
    for past, grown in ((10_000, 1.0), (1_000_000, 1.2)):
        for kind in (Kind.PAST_CPU, Kind.PAST_MEMORY):
            readings.add(Measure(kind, past), AGED, 0, 50.0 * grown)
            readings.add(Measure(kind, past), FRESH, 0, 50.0)
    return readings
