"""Events as numbers: plain counts of ours, since one event loop counts them and needs no lock.

What is counted stands in `metric_table.py`; how it is shown in `exposition.py`, which is loaded when somebody asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sidecar import events
from sidecar.observe import metric_table as table
from sidecar.observe.metric_table import BUCKETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sidecar.observe.metric_table import Spec

    Counts = dict[Spec, defaultdict[tuple[str, ...], int]]

NOT_COUNTED: Final = frozenset(
    {
        events.Controlled,  # what it led to is
        events.TrailHead,
        events.TrailFailed,  # that it fails is read when asked
        events.StoreBack,  # the same
        events.StoreIgnored,
        events.IdentityLoaded,  # the certificate's expiry is read when asked
        events.Listening,  # once in a process's life, as the next three
        events.Draining,
        events.Stopped,
        events.Caution,
    }
)
"""Events that change no number."""

_METHODS: Final = {method: method for method in table.METHODS}
_TUNNEL: Final = "1xx"
_CLASSES: Final = {0: "none", 1: _TUNNEL, 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}

_NO_REASON: Final = "none"
_WHOLE: Final = "complete"
_FINHUB_FAILED: Final = "5xx", "upstream"

_REPLAYED: Final = {
    events.TOKEN_REFUSED: "token_refused",
    events.REFUSED_AGAIN: "token_refused",
    events.DEAD_CONNECTION: "dead_connection",
}
_LEFT: Final = {
    events.REFUSED_AGAIN: "refused_again",
    events.NOT_EXPIRED: "not_expired",
    events.NOT_REPEATABLE: "body_too_large",
    events.STORM_BRAKE: "storm_brake",
}
"""What a request's `replay` says, as labels: why it was sent again, and why a 401 was left to the caller."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What was counted since the start, summed up: only ever growing.

    Attributes:
        requests: over, whatever became of them.
        upstream_errors: FinHub answered 500 or more.
        sidecar_errors: we answered with an error of our own, the guard's refusals left out.
        refused: by the guard.
        replays: sent once more.
        mints: new tokens.
        mints_failed: flights that ended without one.
        seconds: requests by how long they took: one count for each of BUCKETS, one for what took longer.
    """

    requests: int
    upstream_errors: int
    sidecar_errors: int
    refused: int
    replays: int
    mints: int
    mints_failed: int
    seconds: tuple[int, ...]


def summed(totals: Iterable[Totals]) -> Totals:
    """Return what several counted, together."""
    parts = tuple(totals)
    numbers = {name: sum(getattr(part, name) for part in parts) for name in _NUMBERS}
    return Totals(**numbers, seconds=tuple(map(sum, zip(*(part.seconds for part in parts), strict=True))))


_NUMBERS: Final = ("requests", "upstream_errors", "sidecar_errors", "refused", "replays", "mints", "mints_failed")


@dataclass(frozen=True, slots=True)
class Counted:
    """Each counter by the values of its labels, and each histogram: its counts as in `Durations`, and its sum."""

    counts: dict[Spec, dict[tuple[str, ...], int]]
    durations: dict[Spec, tuple[tuple[int, ...], float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What the gauges show: counts, and instants in Unix time, None where there is nothing that ends."""

    ready: bool
    in_flight: int
    state: str
    token_expires: float | None
    identity_expires: float | None
    upstream_expires: float | None
    upstream_busy: int
    upstream_idle: int
    upstream_most: int
    upstream_waiting: int
    callers_open: int
    callers_most: int
    trail_fails: bool
    spans_dropped: int
    store_up: bool | None = None


class Durations:
    """A histogram: a count for each of BUCKETS and one beyond, not summed up, and all the seconds together."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.sum = 0.0


class Metrics:
    """The listener that counts.

    Attributes:
        counts: of each counter but the bytes, by the values of its labels, as the table orders them.
        received, sent: bytes.
        durations: of each histogram.
    """

    def __init__(self) -> None:
        self.counts: Counts = {spec: defaultdict(int, dict.fromkeys(spec.series, 0)) for spec in table.COUNTERS}
        self.received = self.sent = 0
        self.durations = {spec: Durations() for spec in table.HISTOGRAMS}
        self._requests = self.counts[table.REQUESTS]
        self._whole, self._upstream, self._token = (self.durations[spec] for spec in table.HISTOGRAMS)
        self._count: dict[type[events.Event], Callable[[Any], None]] = {
            events.Forwarded: self._forwarded,
            events.Minted: self._minted,
            events.MintFailed: self._mint_failed,
            events.SessionAdopted: self._adopted,
            events.StoreLost: lambda _: self._add(table.STORE_LOSSES),
            events.RefreshFailed: lambda _: self._add(table.MINTS, "refresh", "failed"),
            events.RefreshUnavailable: lambda _: self._add(table.MINTS, "refresh", "unsupported"),
            events.TokenRejected: lambda event: self._add(table.REJECTIONS, "true" if event.braked else "false"),
            events.Reloaded: lambda _: self._add(table.RELOADS, "ok"),
            events.ReloadFailed: lambda _: self._add(table.RELOADS, "failed"),
            events.TrailResumed: lambda event: self._add(table.TRAIL_LOST, by=event.lost),
            events.Bug: lambda _: self._add(table.BUGS),
            events.Shaped: lambda event: self._add(table.SHAPING_REFUSALS if event.refused else table.SHAPING_WAITS),
        }

    @property
    def counted(self) -> frozenset[type[events.Event]]:
        """Return the kinds of events that change a number."""
        return frozenset(self._count)

    def __call__(self, event: events.Event) -> None:
        """Count `event`, if it is of a kind that is counted."""
        count = self._count.get(type(event))
        if count is not None:
            count(event)

    def snapshot(self) -> Counted:
        """Return all counts as they are now: another thread may read them while we go on."""
        counts = {spec: dict(values) for spec, values in self.counts.items()}
        counts[table.RECEIVED], counts[table.SENT] = {(): self.received}, {(): self.sent}
        durations = {spec: (tuple(one.counts), one.sum) for spec, one in self.durations.items()}
        return Counted(counts, durations)

    def totals(self) -> Totals:
        """Return what was counted up to now, summed up."""
        ended = [(status, source, reason, count) for (_, status, source, reason), count in self._requests.items()]
        refused = sum(self.counts[table.REFUSALS].values())
        ours = sum(count for _, source, reason, count in ended if source == "sidecar" and reason != _NO_REASON)
        return Totals(
            requests=sum(count for *_, count in ended),
            upstream_errors=sum(count for status, source, _, count in ended if (status, source) == _FINHUB_FAILED),
            sidecar_errors=max(0, ours - refused),
            refused=refused,
            replays=sum(self.counts[table.REPLAYS].values()),
            mints=sum(count for (_, result), count in self.counts[table.MINTS].items() if result == "ok"),
            mints_failed=sum(self.counts[table.FLIGHTS_FAILED].values()),
            seconds=tuple(self._whole.counts),
        )

    # ── events ──────────────────────────────────────────────────────────────────────────────────────────────

    def _forwarded(self, event: events.Forwarded) -> None:
        """Count a request: no call, and nothing looked up, that an ordinary one can do without."""
        method, status = _METHODS.get(event.method, "other"), _CLASSES.get(event.status // 100, "other")
        self._requests[method, status, event.source, event.reason or _NO_REASON] += 1
        self.received += event.received
        self.sent += event.sent
        if event.method and status != _TUNNEL:  # how long one lasts says nothing about how long a reply takes
            whole, seconds = self._whole, event.duration
            whole.counts[bisect_left(BUCKETS, seconds)] += 1
            whole.sum += seconds
        if event.attempts:
            upstream, seconds = self._upstream, event.upstream_duration
            upstream.counts[bisect_left(BUCKETS, seconds)] += 1
            upstream.sum += seconds
            if event.session_wait is None:
                self._token.counts[0] += 1
        if event.session_wait is not None or event.rule or event.replay or event.outcome != _WHOLE:
            self._odd(event)

    def _odd(self, event: events.Forwarded) -> None:
        if event.session_wait is not None:
            self._token.counts[bisect_left(BUCKETS, event.session_wait)] += 1
            self._token.sum += event.session_wait
        if event.rule:
            self._add(table.REFUSALS, event.rule)
        if event.outcome != _WHOLE:
            self._add(table.UNFINISHED, event.outcome)
        why = event.replay.partition(", ")[0]
        if why in _REPLAYED:
            self._add(table.REPLAYS, _REPLAYED[why])
        if why in _LEFT:
            self._add(table.UNAUTHORIZED, _LEFT[why])

    def _minted(self, event: events.Minted) -> None:
        self._add(table.MINTS, event.kind, "ok")

    def _adopted(self, event: events.SessionAdopted) -> None:
        self._add(table.ADOPTIONS, "token" if event.fingerprint else "gate")

    def _mint_failed(self, event: events.MintFailed) -> None:
        self._add(table.FLIGHTS_FAILED, event.gate)
        if event.kind == "login":  # a refresh has told of its own failure
            self._add(table.MINTS, "login", "failed")

    def _add(self, spec: Spec, *labels: str, by: int = 1) -> None:
        self.counts[spec][labels] += by
