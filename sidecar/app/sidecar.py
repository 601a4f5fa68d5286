"""One sidecar, assembled: the gateway with its lane, what keeps it up to date, and what the operator may ask of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

from sidecar import events
from sidecar.admin.health import Vitals
from sidecar.app import choices, lanes, status, tracing
from sidecar.app import scrape as scraping
from sidecar.app.ids import new_id
from sidecar.app.keeper import MAKES_TLS, Keeper
from sidecar.app.oncall import OnCall, Seen
from sidecar.app.revision import keeps_token, wants_login
from sidecar.gateway.body import Budget, Limits
from sidecar.gateway.handler import Allowance, Gateway, Tools
from sidecar.gateway.pace import Pace
from sidecar.observe.metrics import Metrics
from sidecar.wire.clock import steady, utc_now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping

    from sidecar.app.choices import Ready
    from sidecar.app.material import Standing
    from sidecar.audit.trail import Trail
    from sidecar.config.model import Config
    from sidecar.errors import SidecarError
    from sidecar.events import Emit
    from sidecar.gateway.at_once import Trip
    from sidecar.gateway.caller_request import CallerRequest
    from sidecar.guard.policy import Policy

_FAREWELL: Final = 2.0
"""Seconds that logout and last spans at the end may take: whoever ends us is about to lose patience."""

_KEEPING: Final = frozenset({"session", "reload"})
"""The tasks without which a sidecar serves on, and nobody renews what it serves with."""


class Sidecar:
    """The parts of one process, in the order in which a request meets them. Open it with `async with`.

    Building it reads identity, trust and secrets, blocking, and raises ConfigError, SecretError or IdentityError; not
    so with what `choices.ready` made of the same `config` and `environ` before.
    `reread` reads the configuration again, blocking; without it a reload leaves it as it is. `trail` is the audit
    trail, where there is one; whoever opened it closes it, after all is told.

    Attributes:
        gateway: what carries callers' requests; another one when the configuration changes.
        listen, admin: the bound addresses, set by the server once they are known.
        up, draining: what the probes are told.
        quit, hurry, why: somebody wants the end, wants it now, and who it was.
        emit: tells everybody who listens.
        metrics: what was counted.
        on_call: what is remembered for the page.
        callers_open: counts callers' connections, set by the server.
        on_config: is told of a configuration that is in use from now on.
        reloading: is entered for the time of each reload.
    """

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        emit: Emit,
        reread: Callable[[], Config] | None = None,
        ready: Ready | None = None,
        *,
        trail: Trail | None = None,
    ) -> None:
        ready = ready or choices.ready(config, environ)
        self.listen = str(config.listen.address)
        self.admin = str(config.admin.address)
        self.up = asyncio.Event()
        self.draining = False
        self.quit = asyncio.Event()
        self.hurry = asyncio.Event()
        self.why = ""
        self.callers_open: Callable[[], int] = lambda: 0
        self.on_config: Callable[[Config], None] = lambda _: None
        self.reloading: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
        self.metrics = Metrics()
        self.on_call = OnCall(self.metrics)
        listeners: list[Emit] = [
            emit,  # the log, first: whatever becomes of the others, the line is written
            self.metrics,
            self.on_call.recent,  # the last events, for the page
        ]
        self._trail = trail
        if trail is not None:
            listeners.append(trail)
        self.emit = emit = events.to_all(*listeners)
        self._keeper = Keeper(config, environ, ready.standing, emit, reread)
        self._keeper.prepare = self._prepare
        self._tracing = tracing.build(config)
        self._tenant = lanes.build(
            config,
            self._keeper,
            ready.dialect,
            ready.chosen,
            emit=emit,
            jitter=random.random,
            tracing=self._tracing,
        )
        self._budget = Budget(config.replay.max_total)
        self.gateway = self._gateway(config, ready.chosen.policy)
        if trail is not None:
            trail.bar = self.gateway.traffic.bar  # the traffic stays, whatever gateway carries it
        self._open = contextlib.AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def config(self) -> Config:
        """Return the configuration in use."""
        return self._keeper.config

    def handle(self, request: CallerRequest) -> Awaitable[None]:
        """Carry one caller's request."""
        return self.gateway.handle(request)

    def ask_at_once(self, request: CallerRequest) -> Trip | None:
        """Carry one caller's request without a task, where it can be."""
        return self.gateway.ask_at_once(request)

    def unread(self, error: SidecarError, request_id: str) -> None:
        """Note a caller that was refused before it had sent a request that could be read."""
        self.gateway.unread(error, request_id)

    # ── life ────────────────────────────────────────────────────────────────────────────────────────────────

    async def __aenter__(self) -> Self:
        await self._open.enter_async_context(self._tenant.upstream)
        await self._open.enter_async_context(self._tenant.endpoint)
        self._open.push_async_callback(self._send_spans)
        return self

    def begin(self) -> None:
        """The listeners are open: log in, if eager, and look for changes from now on."""
        self.up.set()
        self._keeper.announce_identity()
        if self._trail is not None:
            self._trail.tell = self._from_elsewhere()
        if self._tracing is not None:
            loop = asyncio.get_running_loop()
            self._tracing.listening(self.listen, lambda event: loop.call_soon_threadsafe(self.emit, event))
        self._run(self._tenant.source.tend(), "session")
        self._run(self._keeper.watch(), "reload")
        self._run(self.on_call.watch(), "history")
        self._warm_up()

    async def end(self) -> None:
        """Mint and look no more, and log out where `session.logout` says so. A second time it does nothing."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if tasks:
            await self._say_farewell()

    async def __aexit__(self, *_: object) -> None:
        await self.end()
        await self._open.aclose()

    def _from_elsewhere(self) -> Emit:
        """Return what tells events from another thread, while the event loop runs and when it has ended."""
        loop = asyncio.get_running_loop()

        def tell(event: events.Event) -> None:
            try:
                loop.call_soon_threadsafe(self.emit, event)
            except RuntimeError:  # it is closed
                self.emit(event)

        return tell

    def _warm_up(self) -> None:
        """Have a connection to FinHub ready for the first request; a lazy session has none before it is asked for."""
        if self.config.session.login == "eager":
            self._run(self._tenant.upstream.warm(), "warm connection")

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._tell_of_a_bug)
        self._tasks.append(task)

    def _tell_of_a_bug(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.emit(events.bug(error))

    async def _say_farewell(self) -> None:
        closing = asyncio.create_task(self._leave())
        hurry = asyncio.create_task(self.hurry.wait())
        await asyncio.wait({closing, hurry}, timeout=_FAREWELL, return_when=asyncio.FIRST_COMPLETED)
        for task in (closing, hurry):
            task.cancel()
        await asyncio.gather(closing, hurry, return_exceptions=True)

    async def _leave(self) -> None:
        await asyncio.gather(self._tenant.source.close(logout=self.config.session.logout), self._send_spans())

    async def _send_spans(self) -> None:
        if self._tracing is not None:
            await self._tracing.close()

    @property
    def at_work(self) -> bool:
        """Tell whether what keeps session and files up to date runs, as it does until the end, but for a bug."""
        return not any(task.done() and task.get_name() in _KEEPING for task in self._tasks)

    @property
    def broken(self) -> bool:
        """Tell whether what was read again cannot be used, so that what was in use stays."""
        return self._keeper.broken is not None

    # ── what the operator may ask ───────────────────────────────────────────────────────────────────────────

    def vitals(self) -> Vitals:
        """Return what the probes judge by."""
        shown, identity = self._tenant.source.session(), self._keeper.standing.identity
        return Vitals(
            started=self.up.is_set(),
            draining=self.draining,
            identity_in_date=identity is None or datetime.now(UTC) < identity.not_after,
            token_alive=shown.expires_at is not None and steady() < shown.expires_at,
            lazy=self.config.session.login == "lazy",
            blocked=shown.word == "BLOCKED",
            session=shown.word,
            barred=self.gateway.traffic.barred,
        )

    def stop(self, why: str) -> None:
        """Begin to go down; said again, it changes nothing."""
        if not self.quit.is_set():
            self.why = why
            self.quit.set()

    def status(self) -> dict[str, Any]:
        """Return what `/status` shows."""
        upstream = self._tenant.upstream
        return {
            **status.heading(self.config, self.listen, self.admin),
            "session": status.session(
                self._tenant.source.session(),
                self.config.credentials.tenant_id,
                steady_now=steady(),
                utc_now=utc_now(),
            ),
            "identity": status.identity(self._keeper.standing.identity, datetime.now(UTC)),
            "upstream": {"url": upstream.origin, "connections": upstream.busy},
            "requests": status.requests(self.gateway.traffic),
            "audit": None if self._trail is None else self._trail.shown(),
            "problems": self.on_call.problems(self._seen()),
        }

    def history(self) -> dict[str, Any]:
        """Return what `/history` shows."""
        return self.on_call.history(self._tenant.source.session())

    def _seen(self) -> Seen:
        return Seen(
            session=self._tenant.source.session(),
            lazy=self.config.session.login == "lazy",
            identity=self._keeper.standing.identity,
            draining=self.draining,
            waiting=self._tenant.upstream.waiting,
            most=self.config.upstream.max_connections,
            broken=self._keeper.broken,
            audit="" if self._trail is None else self._trail.failing,
            barred=self.gateway.traffic.barred,
            works=self.at_work,
        )

    async def scrape(self, accept: str) -> tuple[str, bytes]:
        """Return what `/metrics` shows: its content type, and the text."""
        dropped = 0 if self._tracing is None else self._tracing.dropped
        fails = self._trail is not None and bool(self._trail.failing)
        now = scraping.Now(self.vitals(), self.gateway.traffic.in_flight, self.callers_open(), fails, dropped)
        identity = self._keeper.standing.identity
        read = scraping.readings(self.config, self._tenant, identity, now)
        return await scraping.scrape(self.metrics, read, accept)

    async def reload(self) -> dict[str, list[str]]:
        """Read all that may change again; return what did, and what waits for a restart. SidecarError: all stays."""
        with self.reloading():
            changes = await self._keeper.reload()
        told = {"changed": list(changes.what)}
        return told if not changes.restart else {**told, "restart": list(changes.restart)}

    async def reauthenticate(self) -> None:
        """Log in now; see MintingSource.reauthenticate."""
        await self._tenant.source.reauthenticate()

    # ── wiring ──────────────────────────────────────────────────────────────────────────────────────────────

    def _prepare(self, config: Config, standing: Standing) -> Callable[[Collection[str]], None]:
        """Return what takes `config` and `standing` into use; ConfigError where they cannot be."""
        chosen = choices.choices(config, standing.material, self._tenant.dialect)

        def take(what: Collection[str]) -> None:
            self._tenant.use(chosen, config)
            before, self.gateway = self.gateway, self._gateway(config, chosen.policy)
            self.gateway.traffic = before.traffic
            self.on_config(config)
            if not MAKES_TLS.isdisjoint(what):
                self._warm_up()
            if wants_login(what):
                self._tenant.source.changed(keeps_token=keeps_token(what))

        return take

    def _gateway(self, config: Config, policy: Policy) -> Gateway:
        listen = config.listen
        allowed = Allowance(
            body=Limits(
                max_body=listen.max_body,
                remembered=config.replay.max_body,
                pace=Pace(listen.body_timeout, listen.min_rate),
            ),
            taking=Pace(listen.write_timeout, listen.min_rate),
            max_requests=listen.max_requests,
        )
        tools = Tools(clock=steady, new_id=new_id, emit=self.emit, tracing=self._tracing)
        return Gateway(self._tenant.lane, policy, allowed, self._budget, tools)
