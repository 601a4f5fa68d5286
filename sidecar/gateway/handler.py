"""One request, in a straight line: admit, set fields, get a token, send, judge, perhaps once more, deliver."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sidecar import errors, events
from sidecar.gateway import delivery, rescue
from sidecar.gateway.body import Budget, Limits, ReplayableBody
from sidecar.gateway.departure import Departure
from sidecar.gateway.fields import Facts
from sidecar.gateway.pace import Pace  # noqa: TC001  # a type of a dataclass's field
from sidecar.gateway.record import Record
from sidecar.gateway.replay import DELIVERED, UNAUTHORIZED, Judgement, Verdict, judge, speaks_of_expiry
from sidecar.gateway.upstream import PREFETCH, SAFE_METHODS, Request
from sidecar.guard.policy import Policy, admit
from sidecar.guard.refusal import rule_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.events import Emit
    from sidecar.gateway.caller_request import CallerRequest
    from sidecar.gateway.lane import Lane
    from sidecar.gateway.upstream import Reply
    from sidecar.session.token import Token

_UNSURE_OF_THE_END = frozenset({"framing", "version", "method"})
"""Rules whose refusals end the connection: where its next request would begin is anybody's guess (RFC 9112 §6.3)."""

_PEEK = 65536
"""So much of a 401's body is looked at for `session.expired_when`."""


@dataclass(slots=True)
class Traffic:
    """What is on its way, for drain and `/status`."""

    total: int = 0
    in_flight: int = 0
    replays: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What the handler cannot decide by itself: time, ids and where to tell what happened."""

    clock: Callable[[], float]
    new_id: Callable[[], str]
    emit: Emit


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What one listener's callers may take up: a body each, the time for a reply, and requests at once."""

    body: Limits
    taking: Pace
    max_requests: int


class Gateway:
    """Carries the requests of one listener. `handle` is what the callers' server calls."""

    def __init__(self, lane: Lane, policy: Policy, allowed: Allowance, budget: Budget, tools: Tools) -> None:
        self.traffic = Traffic()
        self._lane = lane
        self.policy = policy
        self._allowed = allowed
        self._budget = budget
        self._tools = tools

    async def handle(self, request: CallerRequest) -> None:
        """Answer the request; whatever happens, one event tells of it."""
        record = self._record(request)
        self.traffic.total += 1
        self.traffic.in_flight += 1
        try:
            request.tell(record.departure)
            await self._answer(request, record)
        except BaseException:  # told, whatever it is: a cancellation, too
            record.outcome = "caller_left" if record.departure.ended else "aborted"
            raise
        finally:
            request.tell(None)
            self.traffic.in_flight -= 1
            self._tools.emit(record.told(self._tools.clock()))

    def unread(self, error: errors.SidecarError, request_id: str) -> None:
        """Tell of a caller that was refused before it had sent a request that could be read."""
        self.traffic.total += 1
        self.traffic.refused += 1
        now = self._tools.clock()
        record = Record(request_id=request_id, method="", path="", started_at=now, status=error.status)
        record.reason = error.proxy_error
        self._tools.emit(record.told(now))

    def _record(self, request: CallerRequest) -> Record:
        task = asyncio.current_task()
        return Record(
            request_id=self._tools.new_id(),
            method=request.method,
            path=request.target.partition("?")[0],
            started_at=self._tools.clock(),
            departure=Departure(None if task is None else task.cancel, binding=request.method not in SAFE_METHODS),
        )

    async def _answer(self, request: CallerRequest, record: Record) -> None:
        try:
            await self._carry(request, record)
        except errors.SidecarError as error:
            await self._refuse(request, record, error)
        except Exception as error:  # noqa: BLE001  # a bug must not show the caller a traceback, nor leave it without a reply
            self._tools.emit(events.bug(error, record.request_id))
            await self._refuse(request, record, errors.SidecarError(f"unexpected {type(error).__name__}"))

    async def _refuse(self, request: CallerRequest, record: Record, error: errors.SidecarError) -> None:
        record.reason, record.rule = error.proxy_error, rule_of(error)
        self.traffic.refused += 1
        request.last = request.last or record.rule in _UNSURE_OF_THE_END
        await delivery.tell(request, rescue.reply_to(error, record.request_id), record, self._allowed.taking)

    async def _carry(self, request: CallerRequest, record: Record) -> None:
        admit(
            self.policy,
            method=request.method,
            target=request.target,
            fields=request.fields,
            peer=request.remote,
            uid=request.uid,
            version=request.version,
        )
        if self.traffic.in_flight > self._allowed.max_requests:
            raise errors.TooManyRequests(f"{self._allowed.max_requests} requests are on their way", retry_after=1)
        body = ReplayableBody(request.body, request.length(), self._allowed.body, self._budget, request.invite_body)
        try:
            async with await self._exchange(request, body, record) as reply:
                await request.look()
                unseen = record.departure.left
                await delivery.deliver(request, reply, record, self._allowed.taking)
                record.status = 0 if unseen else record.status
        finally:
            record.received = body.received
            body.release()

    async def _exchange(self, request: CallerRequest, body: ReplayableBody, record: Record) -> Reply:
        """Return the reply that is for the caller: the first, or after a refused token the second."""
        reply, judgement = await self._attempt(request, body, record)
        if judgement.verdict is Verdict.REPLAY:
            await reply.discard()
            self.traffic.replays += 1
            reply, judgement = await self._attempt(request, body, record)
        return reply

    async def _attempt(self, request: CallerRequest, body: ReplayableBody, record: Record) -> tuple[Reply, Judgement]:
        await body.prefetch(PREFETCH)  # first: a caller may take longer than a token lives
        record.departure.before_asking()
        token = await self._lane.tokens.token()
        record.attempts += 1
        reply = await self._send(request, body, record, token)
        record.upstream_status = reply.status
        try:
            judgement = await self._judge(reply, body, record, token)
        except BaseException:  # a cancellation, too, gives back what was taken
            reply.close()
            raise
        record.replay = judgement.reason or record.replay
        return reply, judgement

    async def _send(self, request: CallerRequest, body: ReplayableBody, record: Record, token: Token) -> Reply:
        upstream, began = self._lane.upstream, self._tools.clock()
        facts = Facts(
            caller_ip=request.remote or None,
            uuid=record.request_id,
            session_id=token.session_id,
            host=upstream.authority,
        )
        outgoing = Request(
            method=request.method,
            target=request.target,
            fields=self._lane.fields.to_upstream(request.fields, facts, token.authorization),
            body=body,
            sendings=record.sendings,
            departure=record.departure,
        )
        try:
            return await upstream.send(outgoing)
        finally:
            record.upstream_seconds += self._tools.clock() - began

    async def _judge(self, reply: Reply, body: ReplayableBody, record: Record, token: Token) -> Judgement:
        """Judge the reply, and tell the token source what FinHub thinks of the token."""
        tokens, replayed = self._lane.tokens, record.attempts > 1
        if reply.status != UNAUTHORIZED:
            tokens.accept(token, record.endpoint)
            return DELIVERED
        judgement = judge(
            status=reply.status,
            replayed=replayed,
            means_expired=await self._means_expired(reply),
            repeatable=body.repeatable,
        )
        if replayed:
            tokens.strike(token, record.endpoint)
        elif judgement.verdict is not Verdict.DELIVER and not tokens.reject(token, record.endpoint):
            return Judgement(Verdict.DELIVER, "storm brake")
        return judgement

    async def _means_expired(self, reply: Reply) -> bool:
        text, coded = self._lane.expired_when, reply.is_coded
        prefix = b"" if text is None or coded else await reply.peek(_PEEK)
        return speaks_of_expiry(text, prefix, coded=coded)
