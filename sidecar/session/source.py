"""Where the gateway gets its token: one mint for all who wait, renewed behind, dropped when FinHub says no.

A thin shell around `state.py`: it awaits and tells; the tables decide.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from sidecar import errors, events
from sidecar.session import state as table
from sidecar.session.answer import Failure, Grant, Kind
from sidecar.session.brake import EndpointBrake
from sidecar.session.state import Answer, Gate
from sidecar.session.token import Schedule, Token, is_unchanged, issue, renewed

if TYPE_CHECKING:
    from sidecar.events import Emit
    from sidecar.session.state import Adopted, Patience, State

Clock = Callable[[], float]

_OPERATOR_PAUSE: Final = 60.0
"""While BLOCKED an operator's word counts once in so many seconds: each try could be the one that locks the account."""

_OVERSLEPT: Final = 1.0
"""A nap that ends by so many seconds too late was a sleep of the machine, or of this process."""

_WAKING: Final = 30.0
"""Seconds after a sleep in which the network may not be there yet."""

_NETWORK_PAUSE: Final = 0.5
"""Seconds between two looks whether it is."""


class TokenSource(Protocol):
    """All that the gateway knows of a session."""

    def at_hand(self) -> Token | None:
        """Return the living token where nothing is to be waited for or done about it, else None."""
        ...

    async def token(self) -> Token:
        """Return a living token at once, or wait for the mint in flight; TokenUnavailable where there is none."""
        ...

    def reject(self, token: Token, endpoint: str) -> bool:
        """FinHub said 401 to `token`. True: ask for a token again. False: the storm brake holds, deliver the 401.

        `endpoint` is the request's method and path, here and below; ids in it make no difference (`brake.py`).
        """
        ...

    def strike(self, token: Token, endpoint: str) -> None:
        """FinHub said 401 again to a replay on `token`."""
        ...

    def accept(self, token: Token, endpoint: str) -> None:
        """FinHub answered a request with `token` with anything but 401."""
        ...


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call of the token endpoint: when it was sent (steady clock), what came of it, and by which HTTP status.

    `status` is 0 where there was no reply.
    """

    sent_at: float
    outcome: Grant | Failure
    status: int = 0


class TokenEndpoint(Protocol):
    """FinHub's token endpoint. Never raises for what FinHub or the network do: that is a Failure."""

    async def login(self) -> Exchange:
        """Send the credentials."""
        ...

    async def refresh(self, token: Token) -> Exchange | None:
        """Ask for a renewal of `token`; None where the dialect knows no refresh."""
        ...

    async def logout(self, token: Token) -> None:
        """End the session, as far as FinHub listens."""
        ...


class FlightShare(Protocol):
    """What makes one flight of many pods' (`shared.py`). It never raises, and bounds how long it takes."""

    async def begin(self, state: Callable[[], State]) -> Adopted | None:
        """Return what another pod got, or None: this pod asks FinHub, and says so with `landed`."""
        ...

    def asking(self, *, login: bool) -> None:
        """FinHub is asked now."""
        ...

    def landed(self, state: State) -> None:
        """The flight ended in `state`."""
        ...

    async def close(self) -> None:
        """There will be no other flight."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What `/status` and the page show of a session; instants on the steady clock.

    `window_at`: from here on FinHub renews the token. `until`: when a gate that is COOLING or BLOCKED opens.
    """

    word: str
    since: float
    expires_at: float | None
    renew_at: float | None
    logins: int
    refreshes: int
    failure: Failure | None
    window_at: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The numbers a session lives by, all from the configuration."""

    tenant: str
    schedule: Schedule
    patience: Patience
    wait: float
    eager: bool


class MintingSource:
    """The TokenSource that mints by itself.

    `clock` runs through sleep; `jitter` returns numbers in [0, 1). With a `share` others' flights count like its own.

    Attributes:
        terms: the numbers it lives by; replaced as a whole when the configuration changes.
    """

    def __init__(
        self,
        endpoint: TokenEndpoint,
        terms: Terms,
        *,
        emit: Emit,
        clock: Clock,
        jitter: Callable[[], float],
        share: FlightShare | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._share = share
        self.terms = terms
        self._emit = emit
        self._clock = clock
        self._jitter = jitter
        self._state = table.State()
        self._since = clock()
        self._flight: asyncio.Task[None] | None = None
        self._stirred = asyncio.Event()
        self._brake = EndpointBrake()
        self._refreshes_here = True
        self._operator_at = float("-inf")
        self._mints = {"login": 0, "refresh": 0, "unchanged": 0}
        self._nap_ends = math.inf
        self._woke_at = -math.inf

    # ── what the gateway asks ───────────────────────────────────────────────────────────────────────────────

    def at_hand(self) -> Token | None:
        """Return the living token where nothing is to be waited for or done about it, else None."""
        return self._state.token if table.is_at_ease(self._state, self._clock()) else None

    async def token(self) -> Token:
        """Return a living token; waits for a mint no longer than `session.wait`, then TokenUnavailable."""
        if (current := self.at_hand()) is not None:
            return current
        self._notice_sleep()
        deadline: float | None = None
        while True:
            state, answer = table.ask(self._state, self._clock())
            self._become(state)
            if answer in {Answer.SERVE, Answer.SERVE_AND_MINT} and state.token is not None:
                return state.token
            if answer is Answer.REFUSE:
                raise self._unavailable()
            now = self._clock()
            deadline = now + self.terms.wait if deadline is None else deadline
            await self._landing(deadline - now)

    def reject(self, token: Token, endpoint: str) -> bool:
        """Drop `token` if it is the current one; see TokenSource."""
        if not table.is_current(self._state, token):
            return True
        may_ask = self._drop(token, endpoint)
        self._emit(events.TokenRejected(tenant=self.terms.tenant, fingerprint=token.fingerprint, braked=not may_ask))
        return may_ask

    def strike(self, token: Token, endpoint: str) -> None:
        """Count a replay that was refused on its fresh token; see TokenSource."""
        if table.is_current(self._state, token):
            self._brake.strike(endpoint)
            self._become(table.struck(self._state, token))

    def accept(self, token: Token, endpoint: str) -> None:
        """Forget the strikes against the current token and the endpoint; see TokenSource."""
        # Without suspects there are no strikes either: each strike makes one, and what clears it clears all strikes.
        if self._brake.suspects and table.is_current(self._state, token):
            self._brake.clear(endpoint)
            self._become(table.accepted(self._state, token))

    # ── what the program asks ───────────────────────────────────────────────────────────────────────────────

    async def tend(self) -> None:
        """Keep an eager session fresh until cancelled; a lazy one is minted by the callers that ask."""
        while True:
            self._stirred.clear()
            if self.terms.eager:
                self._become(table.tend(self._state, self._clock()))
            await self._nap(table.nap(self._state, self._clock()))
            self._notice_sleep()

    def changed(self, *, keeps_token: bool) -> None:
        """Log in with the new secrets, identity or configuration, after any flight that is under way."""
        self._become(table.changed(self._state, keeps_token=keeps_token))

    async def reauthenticate(self) -> None:
        """Log in because an operator says so; returns when the new token is there, else what a caller would get.

        Raises:
            TooSoon: BLOCKED, and an operator's word was tried within the last minute.
            TokenUnavailable: the login failed, or took longer than `session.wait`.
        """
        self._heed_operator()
        before = self._mints["login"]
        self._become(table.told(self._state))
        await self._landing(self.terms.wait)
        if self._mints["login"] == before or self._state.failure is not None:
            raise self._unavailable()

    @property
    def state(self) -> State:
        """What stands now; see `shared.Adopter`."""
        return self._state

    def adopt(self, found: Adopted) -> None:
        """Take over what another pod's flight ended with."""
        self._become(table.adopted(self._state, found))
        now, token = self._clock(), found.token
        self._emit(
            events.SessionAdopted(
                tenant=self.terms.tenant,
                gate=found.gate.value,
                cause="" if found.failure is None else found.failure.cause,
                fingerprint="" if token is None else token.fingerprint,
                expires_in=None if token is None else token.expires_at - now,
                renew_in=None if token is None else token.renew_at - now,
                retry_in=max(0.0, found.until - now) if found.failure is not None else None,
            )
        )

    def session(self) -> Session:
        """Return what is to be shown of the session now."""
        now, token = self._clock(), self._state.token
        return Session(
            word=table.word(self._state, now),
            since=self._word_since(now),
            expires_at=None if token is None else token.expires_at,
            renew_at=None if token is None else token.renew_at,
            logins=self._mints["login"],
            refreshes=self._mints["refresh"],
            failure=self._state.failure,
            window_at=None if token is None else token.expires_at - token.window,
            until=table.closed_until(self._state, now),
        )

    async def close(self, *, logout: bool) -> None:
        """End the flight; with `logout`, end the session at FinHub too."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.wait({self._flight})
        if self._share is not None:
            await self._share.close()
        if logout and self._state.token is not None:
            await self._endpoint.logout(self._state.token)

    # ── the flight ──────────────────────────────────────────────────────────────────────────────────────────

    def _drop(self, token: Token, endpoint: str) -> bool:
        """Drop the current token unless a brake holds: the endpoint's own, or the session's."""
        now = self._clock()
        if self._brake.holds(endpoint, now):
            return False
        state, may_ask = table.rejects(self._state, token, now)
        if may_ask:
            self._brake.rejected(endpoint, now)
        self._become(state)
        return may_ask

    def _become(self, state: State) -> None:
        """Take `state` over; a gate that is MINTING now and was not before starts the flight."""
        if state is self._state:
            return
        starts = state.gate is Gate.MINTING and self._state.gate is not Gate.MINTING
        if state.gate is not self._state.gate or state.token is not self._state.token:
            self._since = self._clock()
        self._state = state
        self._stirred.set()
        if starts:
            self._flight = asyncio.create_task(self._fly(), name="session-flight")

    async def _fly(self) -> None:
        """Mint until the gate is no longer MINTING: once, or once more when something changed meanwhile."""
        while self._state.gate is Gate.MINTING:
            if not await self._was_spared():
                self._land(await self._mint())
                if self._share is not None:
                    self._share.landed(self._state)

    async def _was_spared(self) -> bool:
        """Tell whether another pod's outcome was taken over, so that FinHub need not be asked."""
        if self._share is None:
            return False
        try:
            found = await self._share.begin(lambda: self._state)
        except Exception as error:  # noqa: BLE001  # a bug here must not cost the token
            self._emit(events.bug(error))
            return False
        if found is not None:
            self.adopt(found)
        return found is not None

    def _land(self, outcome: Token | Failure) -> None:
        if isinstance(outcome, Token):
            self._become(table.minted(self._state, outcome))
            return
        patience, now = self.terms.patience, self._clock()
        self._become(table.failed(self._state, outcome, now, self._jitter(), patience))
        self._emit(
            events.MintFailed(
                tenant=self.terms.tenant,
                kind="refresh" if outcome.of_refresh else "login",
                gate=self._state.gate.value,
                cause=outcome.cause,
                detail=outcome.detail,
                remedy=outcome.remedy,
                retry_in=max(0.0, self._state.until - now),
            )
        )

    async def _mint(self) -> Token | Failure:
        """Refresh where that is due and possible, else log in; one login after a failed refresh, but for a 429."""
        try:
            if self._refreshes_here and table.may_refresh(self._state, self._clock()):
                outcome = await self._refresh()
                if outcome is not None:
                    return outcome
            return await self._login_once_awake()
        except Exception as error:  # noqa: BLE001  # a bug here must not leave the gate at MINTING for ever
            self._emit(events.bug(error))
            return _bug(error)

    async def _login_once_awake(self) -> Token | Failure:
        """Log in; shortly after a sleep as soon as there is a network, while those who wait here may wait."""
        ends = self._clock() + self.terms.wait - _NETWORK_PAUSE
        while True:
            outcome = await self._login()
            now = self._clock()
            waking = now - self._woke_at < _WAKING and now + _NETWORK_PAUSE < ends
            if isinstance(outcome, Token) or not (waking and outcome.unreached):
                return outcome
            await asyncio.sleep(_NETWORK_PAUSE)

    async def _login(self) -> Token | Failure:
        # What changed during a refresh is in this login: once more with the same credentials would only count as a
        # failure of theirs.
        self._become(table.logging_in(self._state))
        if self._share is not None:
            self._share.asking(login=True)
        exchange = await self._endpoint.login()
        if isinstance(exchange.outcome, Failure):
            return exchange.outcome
        token = issue(exchange.outcome, exchange.sent_at, self.terms.schedule, self._jitter())
        self._tell_minted("login", token, exchange.sent_at)
        return token

    async def _refresh(self) -> Token | Failure | None:
        """Return the renewed token, a failure that forbids a login now, or None when a login must follow."""
        current = self._state.token
        if self._share is not None:
            self._share.asking(login=False)
        exchange = None if current is None else await self._endpoint.refresh(current)
        if current is None or exchange is None:
            return None
        if isinstance(exchange.outcome, Failure):
            return self._refresh_failed(exchange.outcome)
        if self._state.login_next or table.repeats_rejected(self._state, exchange.outcome.token):
            return None
        grant = exchange.outcome
        token = renewed(current, grant, exchange.sent_at, self.terms.schedule, self._jitter())
        if token is not None:
            kind = "unchanged" if is_unchanged(current, grant, exchange.sent_at) else "refresh"
            self._tell_minted(kind, token, exchange.sent_at)
        return token

    def _refresh_failed(self, failure: Failure) -> Failure | None:
        tenant = self.terms.tenant
        if failure.kind is Kind.UNSUPPORTED:
            self._refreshes_here = False
            self._emit(events.RefreshUnavailable(tenant=tenant, status=failure.status))
            return None
        self._emit(events.RefreshFailed(tenant=tenant, cause=failure.cause, detail=failure.detail))
        throttled = failure.kind is Kind.THROTTLED and table.may_refresh(self._state, self._clock())
        if throttled or failure.on_the_way:  # a login would take the same way
            return replace(failure, of_refresh=True)
        return None

    def _tell_minted(self, kind: str, token: Token, sent_at: float) -> None:
        now = self._clock()
        self._mints[kind] += 1
        self._emit(
            events.Minted(
                tenant=self.terms.tenant,
                kind=kind,
                fingerprint=token.fingerprint,
                expires_in=token.expires_at - now,
                renew_in=token.renew_at - now,
                duration=now - sent_at,
            )
        )

    # ── waiting ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _landing(self, seconds: float) -> None:
        """Wait for the flight's end; a waiter that is cancelled or out of time cancels nothing for the others."""
        if self._flight is None:
            return
        done, _ = await asyncio.wait({self._flight}, timeout=max(0.0, seconds))
        if not done:
            raise self._late()

    def _notice_sleep(self) -> None:
        """Begin anew where we slept: an event loop's timers may stand still meanwhile, and fire long after."""
        now = self._clock()
        if now > self._nap_ends + _OVERSLEPT:
            self._nap_ends, self._woke_at = math.inf, now
            self._become(table.woken(self._state))

    async def _nap(self, seconds: float) -> None:
        self._nap_ends = self._clock() + seconds
        try:
            async with asyncio.timeout(seconds):
                await self._stirred.wait()
        except TimeoutError:
            return

    def _heed_operator(self) -> None:
        now = self._clock()
        if table.opened(self._state, now).gate is not Gate.BLOCKED:
            return
        left = self._operator_at + _OPERATOR_PAUSE - now
        if left > 0:
            raise errors.TooSoon(
                "the credentials were rejected, and tried again by hand within the last minute",
                retry_after=math.ceil(left),
            )
        self._operator_at = now

    def _unavailable(self) -> errors.TokenUnavailable:
        failure, left = self._state.failure, self._state.until - self._clock()
        if failure is None:
            return self._late()
        return errors.TokenUnavailable(
            failure.detail, cause=failure.cause, remedy=failure.remedy, retry_after=math.ceil(left)
        )

    def _late(self) -> errors.TokenUnavailable:
        failure = self._state.failure
        cause = "connection_read_timeout" if failure is None else failure.cause
        seconds = self.terms.wait
        return errors.TokenUnavailable(f"FinHub has not answered the login within {seconds:g} s", cause=cause)

    def _word_since(self, now: float) -> float:
        """Return since when the shown word holds: time alone makes a token due or dead."""
        token = self._state.token
        passed = [self._since]
        if token is not None:
            passed += [instant for instant in (token.renew_at, token.expires_at) if instant <= now]
        return max(passed)


def _bug(error: Exception) -> Failure:
    return Failure(
        kind=Kind.TRANSIENT,
        cause="proxy_internal_error",
        detail=f"the sidecar failed while it asked for a token: {type(error).__name__}",
        remedy=errors.SidecarError.default_remedy,
    )
