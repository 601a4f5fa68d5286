"""One sidecar, assembled: the gateway with its lane, what keeps it up to date, and what the operator may ask of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

from sidecar import events
from sidecar.admin.health import Vitals
from sidecar.app import choices, lanes, status
from sidecar.app.ids import new_id
from sidecar.app.keeper import MAKES_TLS, Keeper
from sidecar.app.revision import keeps_token, wants_login
from sidecar.gateway.body import Budget, Limits
from sidecar.gateway.handler import Allowance, Gateway, Tools
from sidecar.gateway.pace import Pace
from sidecar.wire.clock import steady, utc_now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping

    from sidecar.app.choices import Ready
    from sidecar.app.material import Standing
    from sidecar.config.model import Config
    from sidecar.errors import SidecarError
    from sidecar.events import Emit
    from sidecar.gateway.at_once import Trip
    from sidecar.gateway.caller_request import CallerRequest
    from sidecar.guard.policy import Policy

_FAREWELL: Final = 2.0
"""Seconds that the logout at the end may take: whoever ends us is about to lose patience."""


class Sidecar:
    """The parts of one process, in the order in which a request meets them. Open it with `async with`.

    Building it reads identity, trust and secrets, blocking, and raises ConfigError, SecretError or IdentityError; not
    so with what `choices.ready` made of the same `config` and `environ` before.
    `reread` reads the configuration again, blocking; without it a reload leaves it as it is.

    Attributes:
        gateway: what carries callers' requests; another one when the configuration changes.
        listen, admin: the bound addresses, set by the server once they are known.
        up, draining: what the probes are told.
        quit, hurry, why: somebody wants the end, wants it now, and who it was.
        on_config: is told of a configuration that is in use from now on.
    """

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        emit: Emit,
        reread: Callable[[], Config] | None = None,
        ready: Ready | None = None,
    ) -> None:
        ready = ready or choices.ready(config, environ)
        self.listen = str(config.listen.address)
        self.admin = str(config.admin.address)
        self.up = asyncio.Event()
        self.draining = False
        self.quit = asyncio.Event()
        self.hurry = asyncio.Event()
        self.why = ""
        self.on_config: Callable[[Config], None] = lambda _: None
        self._emit = emit
        self._keeper = Keeper(config, environ, ready.standing, emit, reread)
        self._keeper.prepare = self._prepare
        self._tenant = lanes.build(config, self._keeper, ready.dialect, ready.chosen, emit=emit, jitter=random.random)
        self._budget = Budget(config.replay.max_total)
        self.gateway = self._gateway(config, ready.chosen.policy)
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
        return self

    def begin(self) -> None:
        """The listeners are open: log in, if eager, and look for changes from now on."""
        self.up.set()
        self._keeper.announce_identity()
        self._run(self._tenant.source.tend(), "session")
        self._run(self._keeper.watch(), "reload")
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
            self._emit(events.bug(error))

    async def _say_farewell(self) -> None:
        closing = asyncio.create_task(self._tenant.source.close(logout=self.config.session.logout))
        hurry = asyncio.create_task(self.hurry.wait())
        await asyncio.wait({closing, hurry}, timeout=_FAREWELL, return_when=asyncio.FIRST_COMPLETED)
        for task in (closing, hurry):
            task.cancel()
        await asyncio.gather(closing, hurry, return_exceptions=True)

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
        }

    async def reload(self) -> dict[str, list[str]]:
        """Read all that may change again; return what did, and what waits for a restart. SidecarError: all stays."""
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
            self._tenant.use(chosen)
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
        tools = Tools(clock=steady, new_id=new_id, emit=self._emit)
        return Gateway(self._tenant.lane, policy, allowed, self._budget, tools)
