"""One request, in a straight line: admit, set fields, get a token, send, judge, perhaps once more, deliver."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sidecar import errors, events
from sidecar.gateway import at_once, delivery, rescue, tunnel, upgrade
from sidecar.gateway.at_once import Shelf
from sidecar.gateway.body import Budget, Limits, ReplayableBody
from sidecar.gateway.departure import Departure
from sidecar.gateway.fields import Facts
from sidecar.gateway.handshake import Handshake
from sidecar.gateway.in_band import PEEK, refuses
from sidecar.gateway.pace import Pace  # noqa: TC001  # a type of a dataclass's field
from sidecar.gateway.record import Record
from sidecar.gateway.replay import UNAUTHORIZED, Judgement, Verdict, judge, speaks_of_expiry
from sidecar.gateway.upstream import PREFETCH, SAFE_METHODS, Request
from sidecar.guard.own_paths import OwnCall
from sidecar.guard.policy import Policy, admit
from sidecar.guard.refusal import rule_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sidecar.events import Emit
    from sidecar.gateway.at_once import Trip
    from sidecar.gateway.caller_request import CallerRequest
    from sidecar.gateway.lane import Lane
    from sidecar.gateway.shaping import Shaper
    from sidecar.gateway.trace import Tracing
    from sidecar.gateway.upstream import Reply
    from sidecar.session.token import Token

    Ask = Callable[[CallerRequest, ReplayableBody, Record], Awaitable[tuple[Reply, Token]]]

_UNSURE_OF_THE_END = frozenset({"framing", "version", "method"})
"""Rules whose refusals end the connection: where its next request would begin is anybody's guess (RFC 9112 §6.3)."""


@dataclass(slots=True)
class Traffic:
    """What is on its way, for drain and `/status`; `barred` says why nothing may be, "" as a rule."""

    total: int = 0
    in_flight: int = 0
    replays: int = 0
    refused: int = 0
    barred: str = ""

    def bar(self, why: str) -> None:
        """Let no request be carried for this reason, "" for none: what is on its way goes on."""
        self.barred = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What the handler cannot decide by itself: time, ids and where to tell what happened; who traces it, if any."""

    clock: Callable[[], float]
    new_id: Callable[[], str]
    emit: Emit
    tracing: Tracing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What one listener's callers may take up: a body each, the time for a reply, and requests at once.

    `more` is asked beyond `max_requests`: whether one of those that are shared with others may be used.
    """

    body: Limits
    taking: Pace
    max_requests: int
    more: Callable[[], bool] = lambda: False


class Gateway:
    """Carries the requests of one listener. `handle` and `ask_at_once` are what the callers' server calls.

    Attributes:
        shelf: what is prepared for requests that need not wait.
    """

    def __init__(self, lane: Lane, policy: Policy, allowed: Allowance, budget: Budget, tools: Tools) -> None:
        self.traffic = Traffic()
        self.shelf = Shelf()
        self.lane = lane
        self.policy = policy
        self.allowed = allowed
        self._budget = budget
        self.tools = tools

    def ask_at_once(self, request: CallerRequest) -> Trip | None:
        """Return what carries the request without a task, None where it cannot be: then `handle` is to be asked."""
        return at_once.ask(self, request)

    async def handle(self, request: CallerRequest) -> None:
        """Answer the request; whatever happens, one event tells of it."""
        record = self._record(request)
        if self.tools.tracing is not None:
            record.trace = self.tools.tracing.begin(record.method, record.path, request.fields)
        self.begin(request, record)
        await self._see_through(self._carry(request, record), request, record)

    async def go_on(self, request: CallerRequest, trip: Trip) -> None:
        """Answer a request that was asked at once and cannot be answered so; as `handle` does."""
        if (task := asyncio.current_task()) is not None:
            trip.record.departure.ends(task.cancel)
        listening = functools.partial(self._listen, trip)
        await self._see_through(self._exchange(request, trip.record, listening), request, trip.record)

    def begin(self, request: CallerRequest, record: Record) -> None:
        """Count a request that is on its way from now on, and have its caller's leaving told."""
        request.tell(record.departure)
        self.traffic.total += 1
        self.traffic.in_flight += 1

    def over(self, record: Record) -> None:
        """Tell of a request that is on its way no more."""
        self.traffic.in_flight -= 1
        event = record.told(self.tools.clock())
        self.tools.emit(event)  # first: whatever becomes of the trace, the line is written
        if record.trace is not None:
            record.trace.over(event)

    async def _see_through(self, carrying: Awaitable[None], request: CallerRequest, record: Record) -> None:
        try:
            await carrying
        except errors.SidecarError as error:
            await self._refuse(request, record, error)
        except Exception as error:  # noqa: BLE001  # a bug must not show the caller a traceback, nor leave it without a reply
            self.tools.emit(events.bug(error, record.request_id))
            await self._refuse(request, record, errors.SidecarError(f"unexpected {type(error).__name__}"))
        except BaseException:  # told, whatever it is: a cancellation, too
            record.end()
            raise
        finally:
            request.tell(None)
            self.over(record)

    def unread(self, error: errors.SidecarError, request_id: str) -> None:
        """Tell of a caller that was refused before it had sent a request that could be read."""
        self.traffic.total += 1
        self.traffic.refused += 1
        now = self.tools.clock()
        record = Record(request_id, "", "", now)
        record.status, record.reason = error.status, error.proxy_error
        self.tools.emit(record.told(now))

    def _record(self, request: CallerRequest) -> Record:
        task = asyncio.current_task()
        record = Record(
            self.tools.new_id(),
            request.method,
            request.target.partition("?")[0],
            self.tools.clock(),
            Departure(None if task is None else task.cancel, binding=request.method not in SAFE_METHODS),
        )
        record.tenant, record.peer, record.uid = self.lane.tenant, request.remote, request.uid
        return record

    async def _refuse(self, request: CallerRequest, record: Record, error: errors.SidecarError) -> None:
        record.reason, record.rule = error.proxy_error, rule_of(error)
        self.traffic.refused += 1
        request.last = request.last or record.rule in _UNSURE_OF_THE_END
        try:
            await delivery.tell(request, rescue.reply_to(error, record.request_id), record, self.allowed.taking)
        except BaseException:  # as above
            record.end()
            raise

    async def _carry(self, request: CallerRequest, record: Record) -> None:
        own_call = None
        try:
            spoken = self._admit(request)
        except OwnCall as call:
            if self.lane.own_calls is None:
                raise
            own_call, spoken = call, call.methods
            if isinstance(request, Handshake):  # of what another protocol says nothing could be taken out
                request.upgrade = b""
        if len(spoken) > 1:  # whoever names another method is looked at each time
            request.known = None
        if self.traffic.barred:
            raise errors.AuditUnavailable(self.traffic.barred, retry_after=1)
        if self.traffic.in_flight > self.allowed.max_requests and not self.allowed.more():
            raise errors.TooManyRequests(f"{self.allowed.max_requests} requests are on their way", retry_after=1)
        if own_call is not None and self.lane.own_calls is not None:
            await self.lane.own_calls.carry(self, request, record, own_call)
        else:
            await self._exchange(request, record, self.ask)

    def _admit(self, request: CallerRequest) -> Sequence[str]:
        return admit(
            self.policy,
            method=request.method,
            target=request.target,
            fields=request.fields,
            peer=request.remote,
            uid=request.uid,
            version=request.version,
        )

    def body_of(self, request: CallerRequest) -> ReplayableBody:
        """Return the request's body, to be released when the request is over."""
        return ReplayableBody(request.body, request.length, self.allowed.body, self._budget, request.invite_body)

    async def _exchange(self, request: CallerRequest, record: Record, ask: Ask) -> None:
        """Deliver the reply that is for the caller: the first, or after a refused token the second."""
        body = self.body_of(request)
        try:
            reply, token = await ask(request, body, record)
            async with reply:
                if await self._judge(reply, body, record, token) is not Verdict.REPLAY:
                    await self.deliver(request, reply, record)
                    return
                await reply.discard()
            self.traffic.replays += 1
            reply, token = await self.ask(request, body, record)
            async with reply:
                await self._judge(reply, body, record, token)
                await self.deliver(request, reply, record)
        finally:
            record.received += body.received
            body.release()

    async def deliver(self, request: CallerRequest, reply: Reply, record: Record) -> None:
        """Send the reply to the caller, if it is there."""
        if (relocation := self.lane.relocation) is not None:
            reply.fields = relocation.apply(reply.fields, request.fields)
        if request.says_no_more:
            await request.look()
        if reply.status == upgrade.SWITCHING and isinstance(request, Handshake):
            await tunnel.carry(request, reply, record, self.allowed.taking)
            return
        unseen = record.departure.left
        await delivery.deliver(request, reply, record, self.allowed.taking)
        if unseen:
            record.status = 0

    async def ask(self, request: CallerRequest, body: ReplayableBody, record: Record) -> tuple[Reply, Token]:
        """Send the request with the token of now; return both reply and token."""
        if not body.complete:
            await body.prefetch(PREFETCH)  # first: a caller may take longer than a token lives
        record.departure.before_asking()
        if (shaper := self.lane.shaper) is not None:
            await self._turn(shaper, record)
        token = self.lane.tokens.at_hand() or await self._token(record)
        record.attempts += 1
        record.fingerprint = token.fingerprint
        at_once.prepare(self, request, token)
        began = self.tools.clock()
        try:
            reply = await self.lane.upstream.send(self._outgoing(request, body, record, token))
        finally:
            record.upstream_seconds += self.tools.clock() - began
        record.upstream_status = reply.status
        if record.trace is not None:
            record.trace.hears(reply.status)
        return reply, token

    async def _turn(self, shaper: Shaper, record: Record) -> None:
        """Return when the request may go to FinHub, which is as a rule at once; tell of it where it is not."""
        if shaper.is_free():
            shaper.take()
            return
        began, refused = self.tools.clock(), False
        try:
            await shaper.wait()
        except errors.TooFast:
            refused = True
            raise
        finally:
            seconds = self.tools.clock() - began
            self.tools.emit(events.Shaped(request_id=record.request_id, seconds=seconds, refused=refused))

    async def _token(self, record: Record) -> Token:
        """Return a living token, and count the seconds until there is one, or none to be had."""
        began = self.tools.clock()
        try:
            return await self.lane.tokens.token()
        finally:
            record.session_wait = (record.session_wait or 0.0) + self.tools.clock() - began

    async def _listen(
        self, trip: Trip, request: CallerRequest, body: ReplayableBody, record: Record
    ) -> tuple[Reply, Token]:
        """Return the reply to a request that was asked at once, and its token."""
        began = self.tools.clock()
        try:
            outgoing = self._outgoing(request, body, record, trip.token)
        except BaseException:  # a bug, too, gives back what was taken
            self.lane.upstream.give_back()
            raise
        try:
            reply = await self.lane.upstream.go_on(trip.connection, trip.answer, outgoing)
        finally:
            record.upstream_seconds += self.tools.clock() - began
        record.upstream_status = reply.status
        return reply, trip.token

    def _outgoing(self, request: CallerRequest, body: ReplayableBody, record: Record, token: Token) -> Request:
        lane = self.lane
        facts = Facts(request.remote or None, record.request_id, token.session_id, lane.upstream.authority)
        fields = lane.fields.to_upstream(request.fields, facts, token.authorization)
        if record.trace is not None:
            fields = record.trace.asks(fields)
        wish = request.upgrade if request.upgrade in lane.upgrades else b""
        if wish:
            fields = (*fields, *upgrade.asking(wish))
        sendings, departure, trace = record.sendings, record.departure, record.trace
        return Request(request.method, request.target, fields, body, sendings, departure, trace, wish)

    async def _judge(self, reply: Reply, body: ReplayableBody, record: Record, token: Token) -> Verdict:
        """Judge the reply, and tell the token source what FinHub thinks of the token."""
        in_band = self.lane.in_band
        if reply.status != UNAUTHORIZED and (in_band is None or not await refuses(in_band, reply)):
            self.lane.tokens.accept(token, record.endpoint)
            return Verdict.DELIVER
        judgement = await self._judge_refusal(reply, body, record, token)
        record.replay = judgement.reason or record.replay
        return judgement.verdict

    async def _judge_refusal(self, reply: Reply, body: ReplayableBody, record: Record, token: Token) -> Judgement:
        tokens, replayed = self.lane.tokens, record.attempts > 1
        judgement = judge(
            status=UNAUTHORIZED,
            replayed=replayed,
            means_expired=await self._means_expired(reply),
            repeatable=body.repeatable,
        )
        if replayed:
            tokens.strike(token, record.endpoint)
        elif judgement.verdict is not Verdict.DELIVER and not tokens.reject(token, record.endpoint):
            return Judgement(Verdict.DELIVER, events.STORM_BRAKE)
        return judgement

    async def _means_expired(self, reply: Reply) -> bool:
        text, coded = self.lane.expired_when, reply.is_coded
        prefix = b"" if text is None or coded else await reply.peek(PEEK)
        return speaks_of_expiry(text, prefix, coded=coded)
