"""Pods in one process: real token sources with their shares, one store, and one FinHub that counts."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from sidecar import events
from sidecar.redact import Secret
from sidecar.session.answer import Failure, Grant, Kind
from sidecar.session.shared import Share, SharedTerms
from sidecar.session.source import Exchange, MintingSource, Terms
from sidecar.session.state import Patience
from sidecar.session.store.letters import Letters, about
from sidecar.session.store.memory import MemoryStore
from sidecar.session.store.sealed import digest_of, ring
from sidecar.session.store.store import Away, Found, Garbled
from sidecar.session.token import Schedule, Token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sidecar.session.store.letters import About
    from sidecar.session.store.store import Store

T = TypeVar("T")

KEY = base64.b64encode(bytes(32)).decode()
LIFETIME = 1000.0
WAIT = 10.0
PATH = "GET /api"


@dataclass
class Clock:
    """Shows `now`; one that `ticks` goes on by itself from there."""

    now: float = 1000.0
    ticks: bool = False
    began: float = field(default_factory=time.monotonic)

    def __call__(self) -> float:
        return self.now + (time.monotonic() - self.began if self.ticks else 0.0)


@dataclass
class Hub:
    """FinHub: one account. `open` holds answers back while it is clear."""

    clock: Clock
    password: str = "right"
    calls: list[str] = field(default_factory=list)
    failing: Failure | None = None
    refuses_refresh: Failure | None = None
    unchanged: float | None = None
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    @property
    def logins(self) -> int:
        return sum(call.startswith("login") for call in self.calls)

    @property
    def refreshes(self) -> int:
        return self.calls.count("refresh")


@dataclass
class Desk:
    """The token endpoint as one pod reaches it."""

    hub: Hub
    password: str = "right"

    async def login(self) -> Exchange:
        self.hub.calls.append(f"login {self.password}")
        number, sent_at, right = len(self.hub.calls), self.hub.clock(), self.password == self.hub.password
        await self.hub.open.wait()
        if self.hub.failing is not None:
            return Exchange(sent_at, self.hub.failing)
        if not right:
            return Exchange(sent_at, Failure(kind=Kind.FINAL, cause="c", detail="wrong", remedy="r", status=401))
        return Exchange(sent_at, Grant(token=Secret(f"token-{number}"), lifetime=LIFETIME))

    async def refresh(self, token: Token) -> Exchange | None:  # noqa: ARG002  # the Protocol's signature
        self.hub.calls.append("refresh")
        number, sent_at = len(self.hub.calls), self.hub.clock()
        await self.hub.open.wait()
        if self.hub.refuses_refresh is not None:
            return Exchange(sent_at, self.hub.refuses_refresh)
        if self.hub.unchanged is not None:
            return Exchange(sent_at, Grant(token=None, lifetime=self.hub.unchanged, stated=self.hub.unchanged))
        return Exchange(sent_at, Grant(token=Secret(f"token-{number}"), lifetime=LIFETIME))

    async def logout(self, token: Token) -> None:
        self.hub.calls.append(f"logout {token.value.reveal()}")


class MoodyStore(MemoryStore):
    """A store that fails on demand: `mood` is "", "away" or "garbled"; `fails` says so of one call by its number."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.mood = ""
        self.log: list[str] = []
        self.slow: list[asyncio.Event] = []  # each is waited for by one that publishes
        self.fails: dict[int, str] = {}  # number of the call, from 1 → "before" or "after" it was done

    def _check(self, name: str) -> str:
        self.log.append(name)
        if self.mood == "away" or self.fails.get(len(self.log)) == "before":
            raise Away("gone")
        if self.mood == "garbled":
            raise Garbled("nonsense")
        return self.fails.get(len(self.log), "")

    async def read(self, slot: str) -> Found:
        fails = self._check("read")
        await asyncio.sleep(0)
        return _unless(fails, await super().read(slot))

    async def take(self, slot: str, holder: str, seconds: float) -> Found:
        fails = self._check("take")
        await asyncio.sleep(0)
        return _unless(fails, await super().take(slot, holder, seconds))

    async def renew(self, slot: str, holder: str, lease: int, seconds: float) -> bool:
        fails = self._check("renew")
        return _unless(fails, await super().renew(slot, holder, lease, seconds))

    async def release(self, slot: str, holder: str, lease: int) -> None:
        fails = self._check("release")
        await super().release(slot, holder, lease)
        _unless(fails, None)

    async def publish(self, slot: str, holder: str, lease: int, entry: bytes, seconds: float) -> bool:
        fails = self._check("publish")
        await (self.slow.pop(0).wait() if self.slow else asyncio.sleep(0))
        return _unless(fails, await super().publish(slot, holder, lease, entry, seconds))

    def is_back(self) -> None:
        """Let it answer again, and say so, as Watched does."""
        self.mood = ""
        for slot in tuple(self._listeners):
            self._tell(slot)


def _unless(fails: str, result: T) -> T:
    if fails == "after":
        raise Away("done, but who knows")
    return result


@dataclass
class Pod:
    """One pod. Its share is tended while it runs."""

    clock: Clock
    desk: Desk
    share: Share
    source: MintingSource
    told: list[events.Event]
    tending: list[asyncio.Task[None]] = field(default_factory=list)

    async def token(self) -> str:
        return (await self.source.token()).value.reveal()

    def has(self) -> str | None:
        token = self.source.state.token
        return None if token is None else token.value.reveal()

    def word(self) -> str:
        return self.source.session().word

    def adoptions(self) -> list[events.SessionAdopted]:
        return [event for event in self.told if isinstance(event, events.SessionAdopted)]

    def reject(self) -> None:
        token = self.source.state.token
        assert token is not None
        self.source.reject(token, PATH)

    def use_password(self, password: str) -> None:
        """As a secret that was changed and read again."""
        self.desk.password = password
        self.source.changed(keeps_token=True)

    async def end(self) -> None:
        for task in self.tending:
            task.cancel()
        await asyncio.gather(*self.tending, return_exceptions=True)
        await self.source.close(logout=False)

    def die(self) -> list[asyncio.Task[None]]:
        """Stop like a process that is killed: nothing is given back; return what is to be waited for."""
        tasks = [task for task in (self.source._flight, self.share._renewing, *self.tending) if task is not None]  # noqa: SLF001  # no process to kill
        for task in tasks:
            task.cancel()
        return tasks


def whose(user: str = "u") -> About:
    return about(environment="e", url="https://f", dialect="d", tenant="t", user=(user,))


@dataclass
class Fleet:
    clock: Clock
    hub: Hub
    store: Store
    lease: float
    alone_within: float
    jitter: float = 0.0
    pods: list[Pod] = field(default_factory=list)

    def pod(self, *, password: str = "right", key: str = KEY, eager: bool = False) -> Pod:  # noqa: S107  # made up
        """Start one more pod."""
        told: list[events.Event] = []
        desk = Desk(self.hub, password)
        share = Share(
            self.store,
            whose(),
            Letters(ring(Secret(key)), "t", told.append),
            SharedTerms(lease=self.lease, alone_within=self.alone_within, wait=WAIT),
            credentials=lambda: digest_of([desk.password]),
            clock=self.clock,
            jitter=lambda: self.jitter,
        )
        terms = Terms(
            tenant="t",
            schedule=Schedule(margin=5.0, default_lifetime=LIFETIME),
            patience=Patience(first=1.0, max=60.0, blocked_for=1800.0),
            wait=WAIT,
            eager=eager,
        )
        source = MintingSource(desk, terms, emit=told.append, clock=self.clock, jitter=lambda: self.jitter, share=share)
        pod = Pod(self.clock, desk, share, source, told)
        pod.tending.append(asyncio.create_task(share.tend(source)))
        if eager:
            pod.tending.append(asyncio.create_task(source.tend()))
        self.pods.append(pod)
        return pod

    async def started(self, count: int) -> list[Pod]:
        """Start pods, and return once all have a token."""
        pods = [self.pod() for _ in range(count)]
        await asyncio.gather(*(pod.token() for pod in pods))
        return pods

    async def agree(self, within: float = 5.0) -> str:
        """Return the token that all pods have, once they do."""
        await until(lambda: len({pod.has() for pod in self.pods}) == 1, within)
        (token,) = {pod.has() for pod in self.pods}
        assert token is not None
        return token


@contextlib.asynccontextmanager
async def fleet(store: Store | None = None, *, lease: float = 5.0, alone_within: float = 0.2) -> AsyncIterator[Fleet]:
    """Yield a fleet without pods; those that were started are ended."""
    clock = Clock()
    made = Fleet(clock, Hub(clock), MoodyStore(clock) if store is None else store, lease, alone_within)
    try:
        yield made
    finally:
        made.hub.open.set()
        for pod in made.pods:
            await pod.end()


async def until(holds: Callable[[], bool], within: float = 5.0) -> None:
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110  # what is waited for is counted, not told
            await asyncio.sleep(0.005)


async def settle(turns: int = 30) -> None:
    """Let everything that can run, run."""
    for _ in range(turns):
        await asyncio.sleep(0)
