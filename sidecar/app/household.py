"""Who lives in this process, and who hears what of whom: one tenant, or several behind one switch.

One alone is all there is: its counters are the process's, and its gateway is what the callers' server calls. Of several
each has counters of its own, and what is nobody's is the process's.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sidecar import events
from sidecar.app import material
from sidecar.app.facts import ERROR
from sidecar.app.oncall import OnCall, Seen
from sidecar.app.scrape import Now
from sidecar.app.share import Share
from sidecar.app.tenancy import Going, House, Tenancy
from sidecar.config.residents import residents
from sidecar.gateway.body import Budget
from sidecar.gateway.handler import Traffic
from sidecar.observe.metrics import Metrics
from sidecar.session.source import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from sidecar.admin.health import Vitals
    from sidecar.app.choices import Ready
    from sidecar.app.front import Front
    from sidecar.app.keeper import Changes
    from sidecar.app.reloading import Rereading
    from sidecar.app.scrape import Several
    from sidecar.config.model import Config
    from sidecar.config.residents import Resident
    from sidecar.events import Emit
    from sidecar.gateway.handler import Gateway
    from sidecar.gateway.switch import Switch
    from sidecar.observe.metrics import Readings


@dataclass(frozen=True, slots=True, kw_only=True)
class Ears:
    """Who listens: `first` before all others, `last` behind them."""

    first: Emit
    last: tuple[Emit, ...] = ()

    def emit(self, *between: Emit) -> Emit:
        """Return what tells them, with others between."""
        return events.to_all(self.first, *between, *self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wires:
    """What tenants have of the assembly; see `tenancy.House`."""

    in_use: Callable[[Config], None]
    run: Callable[[Coroutine[Any, Any, None], str], None]
    reread: Callable[[], Config] | None


class Household:
    """All tenants of one process; `ready` are theirs, in the order of the file.

    Attributes:
        is_shared: there are `[[tenants]]`.
        emit: tells of the process itself.
        metrics, on_call: what is counted and remembered of it: with one tenant, of everything.
        page: what is remembered of all together, for the page.
        tenancies: the tenants.
        rereading: reads the configuration again for several; None where it stays, or there is one.
        front: hands requests to several; None with one.
        gateway: what carries the requests at listen.address; another one when a configuration changes.
    """

    def __init__(
        self, config: Config, ready: Sequence[Ready], environ: Mapping[str, str], ears: Ears, wires: Wires
    ) -> None:
        known = residents(config)
        self.is_shared = bool(config.tenants)
        self.metrics = Metrics()
        each = [Metrics() for _ in known] if self.is_shared else [self.metrics]
        self.page = OnCall(*dict.fromkeys((self.metrics, *each)))
        self.on_call = OnCall(self.metrics) if self.is_shared else self.page
        self.emit = self._emit(ears, self.metrics, self.on_call)
        self.rereading = _rereading(wires.reread, config)
        self._ears, self._wires, self._share = ears, wires, Share(len(known))
        self._one_reload = asyncio.Lock()
        self._budget = config.replay.max_total // len(known)
        self.tenancies = [
            self._tenancy(resident, found, material.seen_by(resident, known, environ), metrics)
            for resident, found, metrics in zip(known, ready, each, strict=True)
        ]
        self.front = self._front() if self.is_shared else None
        self.gateway = self._gateway()

    @property
    def first(self) -> Tenancy:
        """Return the tenant that the file names first."""
        return self.tenancies[0]

    def bar(self, why: str) -> None:
        """Let no request be carried for this reason, "" for none."""
        for tenancy in self.tenancies:
            tenancy.gateway.traffic.bar(why)  # the traffic stays, whatever gateway carries it

    @property
    def traffic(self) -> Traffic:
        """Return what is on its way, and was, all together."""
        ours = [tenancy.gateway.traffic for tenancy in self.tenancies]
        return ours[0] if self.front is None else _together([*ours, self.front.traffic])

    def problems(self, going: Going) -> list[dict[str, str]]:
        """Return what `/status` shows as `problems`; of several tenants each with whose it is."""
        if not self.is_shared:
            return self.page.problems(self.first.seen(going))
        found = self.on_call.problems(_process(going))
        for tenancy in self.tenancies:
            own = tenancy.on_call.problems(tenancy.seen(Going()))
            found += [{**problem, "tenant": tenancy.name} for problem in own]
        return sorted(found, key=lambda problem: problem["severity"] != ERROR)

    def readings(self, going: Going, vitals: Vitals, callers_open: int) -> tuple[Readings, Several]:
        """Return what the gauges show now: the process's, and of several tenants each one's with its counters."""
        dropped = sum(each.tracing.dropped for each in self.tenancies if each.tracing is not None)
        now = Now(vitals, self.traffic.in_flight, callers_open, bool(going.audit), dropped)
        ours = self.first.readings(now)
        return ours, {tenancy.name: tenancy.counted(going) for tenancy in self.tenancies} if self.is_shared else {}

    async def reload(self) -> Changes:
        """Read all that may change again, of one tenant or of each; return what did. SidecarError: see `Reloading`."""
        if not self.is_shared:
            return await self.first.keeper.reload()
        from sidecar.app.reloading import Reloading  # noqa: PLC0415  # one tenant alone does without

        async with self._one_reload:
            return await Reloading(self.tenancies, self.rereading).reload()

    def _emit(self, ears: Ears, metrics: Metrics, on_call: OnCall) -> Emit:
        return ears.emit(metrics, *dict.fromkeys((on_call.recent, self.page.recent)))

    def _tenancy(self, resident: Resident, ready: Ready, environ: Mapping[str, str], metrics: Metrics) -> Tenancy:
        on_call = OnCall(metrics) if self.is_shared else self.page
        house = House(
            emit=self._emit(self._ears, metrics, on_call),
            metrics=metrics,
            on_call=on_call,
            budget=Budget(self._budget),
            share=self._share,
            in_use=self._in_use,
            run=self._wires.run,
            reread=self._wires.reread if self.rereading is None else self.rereading.of(resident),
        )
        return Tenancy(resident, ready, environ, house)

    def _in_use(self, config: Config) -> None:
        """Take note of a configuration that one of the tenants uses from now on, with another gateway."""
        self.gateway = self._gateway()
        self._wires.in_use(config)

    def _gateway(self) -> Gateway | Switch:
        return self.first.gateway if self.front is None else self.front.switch()

    def _front(self) -> Front:
        from sidecar.app.front import Front  # noqa: PLC0415  # one tenant alone does without

        return Front(self.tenancies, self.emit)


def _rereading(reread: Callable[[], Config] | None, config: Config) -> Rereading | None:
    if reread is None or not config.tenants:
        return None
    from sidecar.app.reloading import Rereading  # noqa: PLC0415  # as above

    return Rereading(reread, config)


def _together(parts: Sequence[Traffic]) -> Traffic:
    """Return all of it in one."""
    return Traffic(
        total=sum(part.total for part in parts),
        in_flight=sum(part.in_flight for part in parts),
        replays=sum(part.replays for part in parts),
        refused=sum(part.refused for part in parts),
        barred=parts[0].barred,
    )


def _process(going: Going) -> Seen:
    """Return what is seen of the process itself, among several tenants: it has no session of its own."""
    none = Session(word="EMPTY", since=0.0, expires_at=None, renew_at=None, logins=0, refreshes=0, failure=None)
    return Seen(
        session=none,
        lazy=True,
        identity=None,
        draining=going.draining,
        waiting=0,
        most=0,
        broken=None,
        audit=going.audit,
        barred=going.barred,
        works=going.works,
    )
