"""One sidecar, assembled: its tenants, what keeps them up to date, and what the operator may ask of it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final, Self

from sidecar import events
from sidecar.admin import health
from sidecar.app import choices, scrape, status
from sidecar.app.household import Ears, Household, Wires
from sidecar.app.tenancy import Going
from sidecar.errors import SidecarError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from sidecar.admin.health import Vitals
    from sidecar.app.choices import Ready
    from sidecar.app.tenancy import Tenancy
    from sidecar.audit.trail import Trail
    from sidecar.config.model import Config
    from sidecar.events import Emit
    from sidecar.gateway.at_once import Trip
    from sidecar.gateway.caller_request import CallerRequest
    from sidecar.gateway.handler import Gateway, Traffic
    from sidecar.gateway.switch import Switch

_FAREWELL: Final = 2.0
"""Seconds that logout and last spans at the end may take: whoever ends us is about to lose patience."""

_KEEPING: Final = frozenset({"session", "reload"})
"""The tasks without which a sidecar serves on, and nobody renews what it serves with."""


class NoSuchTenant(SidecarError):
    """An operator named a tenant that there is not."""

    status = 404
    proxy_error = "http_request_error"
    title = "There is no such tenant"
    default_remedy = "Name one of those that /status shows."


class Sidecar:
    """The parts of one process, in the order in which a request meets them. Open it with `async with`.

    Building it reads identity, trust and secrets, blocking, and raises ConfigError, SecretError or IdentityError; not
    so with what `choices.ready` made of the same `config` and `environ` before.
    `reread` reads the configuration again, blocking; without it a reload leaves it as it is. `trail` is the audit
    trail, where there is one; whoever opened it closes it, after all is told.

    Attributes:
        began_with: the whole configuration of the start, with all tenants.
        tenancies: the tenants, in the order of the file.
        gateway: what carries callers' requests at `listen`; another one when the configuration changes.
        listen, admin: the bound addresses, set by the server once they are known.
        up, draining: what the probes are told.
        quit, hurry, why: somebody wants the end, wants it now, and who it was.
        emit: tells everybody who listens.
        metrics: what was counted; of several tenants only what is none's.
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
        ready: Sequence[Ready] | None = None,
        *,
        trail: Trail | None = None,
    ) -> None:
        self.began_with = config
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
        self._trail = trail
        self._home = Household(
            config,
            ready or choices.ready(config, environ),
            environ,
            Ears(first=emit, last=() if trail is None else (trail,)),  # whatever becomes of others, the line is written
            Wires(in_use=self._in_use, run=self._run, reread=reread),
        )
        self.emit, self.metrics, self.on_call = self._home.emit, self._home.metrics, self._home.page
        self.gateway: Gateway | Switch = self._home.gateway
        self.tenancies: Sequence[Tenancy] = self._home.tenancies
        if trail is not None:
            trail.bar = self._home.bar
        self._open = contextlib.AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def config(self) -> Config:
        """Return the configuration in use; of several tenants that of the first, as if it were the only one."""
        return self._home.first.config

    @property
    def traffic(self) -> Traffic:
        """Return what is on its way, and was."""
        return self._home.traffic

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
        for tenancy in self.tenancies:
            await tenancy.open(self._open)
        return self

    def begin(self) -> None:
        """The listeners are open: log in, if eager, and look for changes from now on."""
        self.up.set()
        if self._trail is not None:
            self._trail.tell = self._from_elsewhere()
        for tenancy in self.tenancies:
            self._begin(tenancy)
        for one in dict.fromkeys((self._home.page, self._home.on_call, *(each.on_call for each in self.tenancies))):
            self._run(one.watch(), "history")

    def _begin(self, tenancy: Tenancy) -> None:
        tenancy.keeper.announce_identity()
        if tenancy.tracing is not None:
            loop = asyncio.get_running_loop()
            listen = tenancy.listen or self.listen
            tenancy.tracing.listening(listen, lambda event: loop.call_soon_threadsafe(self.emit, event))
        self._run(tenancy.tenant.source.tend(), "session")
        if tenancy.tenant.fleet is not None:
            self._run(tenancy.tenant.fleet.tend(tenancy.tenant.source), "store")
        self._run(tenancy.keeper.watch(), "reload")
        tenancy.warm_up()

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
        await asyncio.gather(*(tenancy.leave() for tenancy in self.tenancies))

    @property
    def at_work(self) -> bool:
        """Tell whether what keeps session and files up to date runs, as it does until the end, but for a bug."""
        return not any(task.done() and task.get_name() in _KEEPING for task in self._tasks)

    @property
    def broken(self) -> bool:
        """Tell whether what was read again cannot be used, so that what was in use stays."""
        return any(tenancy.keeper.broken is not None for tenancy in self.tenancies)

    # ── what the operator may ask ───────────────────────────────────────────────────────────────────────────

    def vitals(self) -> Vitals:
        """Return what the probes judge by."""
        going = self._going()
        return health.worst(tenancy.vitals(going) for tenancy in self.tenancies)

    def _going(self) -> Going:
        return Going(
            started=self.up.is_set(),
            draining=self.draining,
            barred=self._home.first.gateway.traffic.barred,
            audit="" if self._trail is None else self._trail.failing,
            works=self.at_work,
        )

    def stop(self, why: str) -> None:
        """Begin to go down; said again, it changes nothing."""
        if not self.quit.is_set():
            self.why = why
            self.quit.set()

    def status(self) -> dict[str, Any]:
        """Return what `/status` shows; of several tenants the first one's session, and then all."""
        first = self._home.first
        return {
            **status.heading(self.config, self.listen, self.admin),
            "session": first.session(),
            "identity": first.identity(),
            "upstream": first.upstream(),
            "requests": status.requests(self.traffic),
            "audit": None if self._trail is None else self._trail.shown(),
            "problems": self._home.problems(self._going()),
            **({"sessions": [tenancy.shown() for tenancy in self.tenancies]} if self._home.is_shared else {}),
        }

    def history(self) -> dict[str, Any]:
        """Return what `/history` shows."""
        first = self._home.first
        return self.on_call.history(first.tenant.source.session(), first.on_call.recent.minted_at)

    async def scrape(self, accept: str) -> tuple[str, bytes]:
        """Return what `/metrics` shows: its content type, and the text."""
        ours, several = self._home.readings(self._going(), self.vitals(), self.callers_open())
        return await scrape.scrape(self._home.metrics, ours, accept, several)

    async def reload(self) -> dict[str, list[str]]:
        """Read all that may change again; return what did, and what waits for a restart. SidecarError: all stays.

        Of several tenants each takes its own changes; one that cannot is told, and keeps what it had.
        """
        with self.reloading():
            changes = await self._home.reload()
        told = {"changed": list(changes.what)}
        return told if not changes.restart else {**told, "restart": list(changes.restart)}

    async def reauthenticate(self, tenant: str = "") -> None:
        """Log in now, for all tenants or for the one of that name; see MintingSource.reauthenticate.

        Raises:
            NoSuchTenant: there is none of that name.
        """
        chosen = [each for each in self.tenancies if tenant in {"", each.name}]
        if not chosen:
            raise NoSuchTenant(f"there is no tenant {tenant!r}")
        done = await asyncio.gather(*(each.tenant.source.reauthenticate() for each in chosen), return_exceptions=True)
        for outcome in done:
            if outcome is not None:
                raise outcome

    # ── wiring ──────────────────────────────────────────────────────────────────────────────────────────────

    def _in_use(self, config: Config) -> None:
        self.gateway = self._home.gateway
        self.on_config(config)
