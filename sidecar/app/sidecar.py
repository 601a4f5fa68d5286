"""One sidecar, assembled: the gateway with its lane, what keeps it up to date, and what the operator may ask of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from sidecar.admin.health import Vitals
from sidecar.app import lanes, material, status
from sidecar.app.keeper import Keeper
from sidecar.gateway.body import Budget, Limits
from sidecar.gateway.guard import Policy
from sidecar.gateway.handler import Gateway, Tools
from sidecar.session.dialect import own_paths
from sidecar.wire.clock import steady, utc_now

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from sidecar.config.model import Config
    from sidecar.events import Emit


class Sidecar:
    """The parts of one process, in the order in which a request meets them. Open it with `async with`.

    Building it reads identity, trust and secrets, and raises ConfigError, SecretError or IdentityError.

    Attributes:
        gateway: what the caller's listener calls.
        listen, admin: the bound addresses, set by the server once they are known.
        up, draining: what the probes are told.
        quit, hurry, why: somebody wants the end, wants it now, and who it was.
    """

    def __init__(self, config: Config, environ: Mapping[str, str], emit: Emit) -> None:
        self.config = config
        self.listen = str(config.listen.address)
        self.admin = str(config.admin.address)
        self.up = asyncio.Event()
        self.draining = False
        self.quit = asyncio.Event()
        self.hurry = asyncio.Event()
        self.why = ""
        self._keeper = Keeper(config, environ, material.stand(config, material.read(config, environ)), emit)
        self._keeper.on_change = self._changed
        self._tenant = lanes.build(config, self._keeper, emit=emit, jitter=random.random)
        self.gateway = Gateway(
            self._tenant.lane,
            self._policy(),
            Limits(
                max_body=config.listen.max_body, remembered=config.replay.max_body, timeout=config.listen.body_timeout
            ),
            Budget(config.replay.max_total),
            Tools(clock=steady, new_id=lanes.new_id, emit=emit),
        )
        self._open = contextlib.AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []

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

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._tenant.source.close(logout=self.config.session.logout)
        await self._open.aclose()

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

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

    def stop(self, why: str = "signal") -> None:
        """Begin to go down; said again, go down at once."""
        if self.quit.is_set():
            self.hurry.set()
            return
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

    async def reload(self) -> tuple[str, ...]:
        """Read identity, trust and secrets again; return what changed. SidecarError: something new is broken."""
        return await self._keeper.look()

    async def reauthenticate(self) -> None:
        """Log in now; see MintingSource.reauthenticate."""
        await self._tenant.source.reauthenticate()

    # ── wiring ──────────────────────────────────────────────────────────────────────────────────────────────

    def _changed(self, what: tuple[str, ...]) -> None:
        """Bring what changed to those who use it; all but the caller key means a login (the second table)."""
        self.gateway.policy = self._policy()
        self._tenant.endpoint.credentials = lanes.credentials_of(self.config, self._keeper.standing.material)
        if set(what) - {"caller key"}:
            self._tenant.source.changed(keeps_token=True)

    def _policy(self) -> Policy:
        listen = self.config.listen
        return Policy.build(
            allowed_hosts=listen.allowed_hosts,
            allowed_origins=listen.allowed_origins,
            allowed_peers=listen.allowed_peers,
            caller_key=self._keeper.standing.material.caller_key,
            own_paths=own_paths(self._tenant.dialect),
            allow=listen.allow,
            max_body=listen.max_body,
            host_checked=listen.address.kind == "tcp",
        )
