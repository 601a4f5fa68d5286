"""One session for many: what a flight does before it asks FinHub, and what it tells the others when it lands.

Thin: `sharing.py` decides. Before FinHub is asked there is a lease to be had, for the whole flight, so that a refresh
that fails and the login that follows are one mint of the fleet's. While the engine is away every pod is on its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from sidecar.session import sharing
from sidecar.session.sharing import Step
from sidecar.session.state import Gate
from sidecar.session.store.store import Away, Garbled

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from sidecar.session.sharing import Need, Seen
    from sidecar.session.state import Adopted, State
    from sidecar.session.store.letters import About, Letters
    from sidecar.session.store.store import Found, Store

_NET: Final = 60.0
"""Seconds between two looks at the store where nobody tells of a change."""

_WAITING_NET: Final = 1.0
"""The same while another pod's mint is waited for."""

_LONGEST_WAIT: Final = 180.0
"""Seconds after which another pod's mint is waited for no longer: a refresh and a login time out before."""

_RENEWALS: Final = 3.0
"""A lease is renewed so many times before it would run out."""

_FAREWELL: Final = 1.5
"""Seconds that the last words to the store may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedTerms:
    """The numbers that a shared session lives by: seconds, from the configuration."""

    lease: float
    alone_within: float
    wait: float


class Adopter(Protocol):
    """The token source, as far as it hears of other pods."""

    @property
    def state(self) -> State:
        """What stands now."""
        ...

    def adopt(self, found: Adopted) -> None:
        """Take over what another pod's flight ended with; not while it is MINTING: a flight brings its own."""
        ...


class Share:
    """One pod's part in a session that many have.

    `credentials` returns a digest of those in use; `clock` and `jitter` are those of the token source.

    Attributes:
        letters: what seals and opens.
        terms: replaced as a whole when the configuration changes.
        adoptions: how often another pod's outcome was taken over.
    """

    def __init__(
        self,
        store: Store,
        about: About,
        letters: Letters,
        terms: SharedTerms,
        *,
        credentials: Callable[[], bytes],
        clock: Callable[[], float],
        jitter: Callable[[], float],
    ) -> None:
        self.letters = letters
        self.terms = terms
        self.adoptions = 0
        self._store = store
        self._about = about
        self._credentials = credentials
        self._clock = clock
        self._jitter = jitter
        self._holder = os.urandom(8).hex()
        self._known = 0  # the fence of the newest entry that was taken over or published
        self._lease = 0
        self._leased = about  # whose lease it is
        self._busy = False
        self._asked_with = self._token_with = b""
        self._logs_in = False
        self._waits_until = 0.0
        self._untold = False  # what stands here was never published
        self._news, self._stirred = asyncio.Event(), asyncio.Event()
        self._news.set()  # a lazy session has what is there without asking FinHub
        self._renewing: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()

    def belongs_to(self, about: About) -> None:
        """From now on it is another session: another user's, or another tenant's."""
        if about != self._about:
            self._about = about
            self._known, self._untold, self._token_with = 0, False, b""
            self._hear()

    # ── a flight ────────────────────────────────────────────────────────────────────────────────────────────

    async def begin(self, state: Callable[[], State]) -> Adopted | None:
        """Return what makes it needless to ask FinHub: another pod's outcome. None: ask, and tell when it is over.

        Waits for a pod that asks already, for as long as its lease runs. The engine holds up nobody for longer than
        one call of it may take: then the pod is on its own, after a pause of chance.
        """
        self._busy, alone_at = True, None
        self._waits_until = self._clock() + _LONGEST_WAIT
        self._stirred.clear()
        while True:
            try:
                return await self._join(state)
            except (Away, Garbled) as error:
                if isinstance(error, Garbled):
                    self.letters.ignore(str(error))
                now = self._clock()
                alone_at = now + self._pause(state) if alone_at is None else alone_at
                if now >= alone_at or not await self._stirs_within(alone_at - now):
                    return None

    def asking(self, *, login: bool) -> None:
        """FinHub is asked now, with the credentials as they are; a refresh prolongs what other ones may have got."""
        self._asked_with, self._logs_in = self._credentials(), login

    def landed(self, state: State) -> None:
        """The flight ended in `state`: tell the others. Nobody waits for that."""
        lease, self._lease = self._lease, 0
        self._busy = False
        self._end_renewing()
        if state.failure is None and self._logs_in:
            self._token_with = self._asked_with
        if lease and self._leased is self._about:
            self._known = max(self._known, lease)
            self._in_background(self._publish(self._leased, lease, state))
            return
        self._untold = True
        if lease:  # it was another session's, and this is told where it belongs
            self._in_background(self._give_back(self._leased, lease))
            self._hear()

    async def peek(self) -> tuple[str, str]:
        """Return in words what is in the store, and why it cannot be read, "" where it can; raises as a Store does."""
        return self.letters.described(self._about, await self._store.read(self._about.slot))

    async def tend(self, source: Adopter) -> None:
        """Take over what other pods did, and tell them what they missed, until cancelled."""
        about = self._about
        unlisten = self._store.listen(about.slot, self._hear)
        try:
            while True:
                await self._news_within(_NET)
                if about is not self._about:
                    unlisten()
                    about = self._about
                    unlisten = self._store.listen(about.slot, self._hear)
                with contextlib.suppress(Away, Garbled):  # the store tells of the one; the other mends itself
                    await self._look(about, source)
        finally:
            unlisten()

    async def close(self) -> None:
        """Give the lease back, and say what is left to say, within bounds."""
        lease, self._lease = self._lease, 0
        self._end_renewing()
        if lease:
            self._in_background(self._give_back(self._leased, lease))
        if self._telling:
            _, late = await asyncio.wait(self._telling, timeout=_FAREWELL)
            for task in late:
                task.cancel()

    # ── before FinHub is asked ──────────────────────────────────────────────────────────────────────────────

    async def _join(self, state: Callable[[], State]) -> Adopted | None:
        about = self._about
        found = await self._store.read(about.slot)
        while True:
            need = sharing.need(state(), self._clock(), self._known)
            seen = self.letters.open(about, found, self._credentials())
            step = sharing.judge(seen, need) if about is self._about else None
            if step is Step.USE:
                return self._use(about, seen, need)
            if step is Step.ASK:
                self._ask(about, found.lease)
                return None
            if found.lease:
                self._in_background(self._give_back(about, found.lease))
            about = self._about
            found = await self._next(about, found, step)

    async def _next(self, about: About, found: Found, step: Step | None) -> Found:
        if step is Step.TAKE:
            return await self._store.take(about.slot, self._holder, self.terms.lease)
        if step is Step.WAIT:
            if sharing.is_garbage(found, self.terms.lease) or self._clock() > self._waits_until:
                raise Garbled("a lease that does not end")
            await self._stirs_within(min(found.held_for, _WAITING_NET))
        return await self._store.read(about.slot)

    def _use(self, about: About, seen: Seen, need: Need) -> Adopted:
        if seen.found.lease:
            self._in_background(self._give_back(about, seen.found.lease))
        self._busy = False
        found = sharing.used(seen, need, self._clock(), self._jitter())
        self._take_over(seen, found)
        return found

    def _ask(self, about: About, lease: int) -> None:
        self._lease, self._leased = lease, about
        self._renewing = asyncio.create_task(self._renew(about, lease), name="session-lease")

    def _pause(self, state: Callable[[], State]) -> float:
        need = sharing.need(state(), self._clock(), self._known)
        return self._jitter() * sharing.spread(need, self.terms.alone_within, self.terms.wait)

    async def _renew(self, about: About, lease: int) -> None:
        held = True
        while held:
            await asyncio.sleep(self.terms.lease / _RENEWALS)
            with contextlib.suppress(Away, Garbled):  # it may still be ours when the engine is back
                held = await self._store.renew(about.slot, self._holder, lease, self.terms.lease)

    def _end_renewing(self) -> None:
        renewing, self._renewing = self._renewing, None
        if renewing is not None:
            renewing.cancel()

    # ── after it, and beside it ─────────────────────────────────────────────────────────────────────────────

    async def _look(self, about: About, source: Adopter) -> None:
        """Take over what is newer than all that is known here; else tell what stands here and was never told."""
        if await self._took_news(about, source, await self._store.read(about.slot)) or not self._untold or self._busy:
            return
        found = await self._store.take(about.slot, self._holder, self.terms.lease)
        if found.lease:
            if await self._took_news(about, source, found) or self._busy:
                await self._give_back(about, found.lease)
            else:
                await self._publish(about, found.lease, source.state)

    async def _took_news(self, about: About, source: Adopter, found: Found) -> bool:
        """Take over what was found, if it is news and no flight is under way, which would bring its own."""
        if self._busy or about is not self._about or source.state.gate is Gate.MINTING:
            return False
        seen = self.letters.open(about, found, self._credentials())
        news = sharing.news(seen, source.state, self._known, self._clock(), self._jitter())
        if news is None:
            return False
        self._take_over(seen, news)
        source.adopt(news)
        return True

    def _take_over(self, seen: Seen, found: Adopted) -> None:
        self.adoptions += 1
        self._known = max(self._known, seen.found.fence)
        self._untold = False
        if found.token is not None:
            self._token_with = self._credentials() if seen.token_ours else b""

    async def _publish(self, about: About, lease: int, state: State) -> None:
        entry, seconds = self.letters.seal(
            about, lease, state, self._clock(), token=self._token_with, gate=self._asked_with
        )
        try:
            if not seconds:
                self._untold = False
                await self._store.release(about.slot, self._holder, lease)
            elif await self._store.publish(about.slot, self._holder, lease, entry, seconds):
                self._known = max(self._known, lease)
                self._untold = False
            else:
                self._hear()  # a newer one is there: it is to be taken over
        except (Away, Garbled):
            self._untold = about is self._about

    async def _give_back(self, about: About, lease: int) -> None:
        with contextlib.suppress(Away, Garbled):  # it runs out by itself
            await self._store.release(about.slot, self._holder, lease)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="session-share")
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    # ── hearing ─────────────────────────────────────────────────────────────────────────────────────────────

    def _hear(self) -> None:
        self._news.set()
        self._stirred.set()

    async def _news_within(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()

    async def _stirs_within(self, seconds: float) -> bool:
        """Return once something stirs, True, or after so many seconds, False."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stirred.wait()
        stirred = self._stirred.is_set()
        self._stirred.clear()
        return stirred
