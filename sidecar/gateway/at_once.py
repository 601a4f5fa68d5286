"""A question that need not wait for anything, carried without a task.

Such is a request that changes nothing and has no body, with fields that were admitted before, while the token is at
hand and a connection at rest. Each rule is the one that every request is held to; what turns out to be anything but a
short and whole reply goes on in a task, where it would be by then.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sidecar import errors, events
from sidecar.gateway.caller_request import SHORT
from sidecar.gateway.delivery import reason_of
from sidecar.gateway.departure import Departure
from sidecar.gateway.fields import Facts, to_caller
from sidecar.gateway.heads import forget_oldest
from sidecar.gateway.record import Record
from sidecar.gateway.replay import UNAUTHORIZED
from sidecar.gateway.upstream.head import lines_of
from sidecar.guard.policy import admit_again

if TYPE_CHECKING:
    from sidecar.gateway.caller_request import CallerRequest
    from sidecar.gateway.handler import Gateway
    from sidecar.gateway.heads import Known
    from sidecar.gateway.upstream import Answer
    from sidecar.gateway.upstream.connection import Connection
    from sidecar.guard.policy import Policy
    from sidecar.session.token import Token

_MARK: Final = str(uuid.UUID(bytes=os.urandom(16), version=4))
"""Stands in prepared heads where a request's own id will; nobody outside has ever seen it."""

_MOST: Final = 64
"""Heads and methods for which something is prepared."""


@dataclass(slots=True, repr=False)  # the token is in it
class Prepared:
    """The field lines for one head and method, in pieces around the request's id; and for whom they were admitted."""

    pieces: list[bytes]
    peer: str | None
    uid: int | None
    policy: Policy


class Shelf:
    """What is prepared for the token of now, and for none that was before it."""

    def __init__(self) -> None:
        self._token: Token | None = None
        self._prepared: dict[tuple[Known, str], Prepared] = {}

    def find(self, known: Known, token: Token, request: CallerRequest, policy: Policy) -> Prepared | None:
        """Return what is prepared for such a request, None if nothing is."""
        if token is not self._token:
            self._token = token
            self._prepared.clear()
        prepared = self._prepared.get((known, request.method))
        if prepared is None or prepared.policy is not policy:
            return None
        return prepared if (prepared.peer, prepared.uid) == (request.remote, request.uid) else None

    def put(self, known: Known, method: str, prepared: Prepared) -> None:
        """Keep what was prepared for the token that was last asked for; where there are too many, the oldest goes."""
        forget_oldest(self._prepared, _MOST)
        self._prepared[known, method] = prepared


def prepare(gateway: Gateway, request: CallerRequest, token: Token) -> None:
    """Prepare for the next request with the same fields; this one was admitted."""
    known, lane = request.known, gateway.lane
    if known is None or gateway.policy.caller_key is not None:  # a key is compared each time
        return
    if gateway.tools.tracing is not None:  # each sending carries a context of its own
        return
    if gateway.shelf.find(known, token, request, gateway.policy) is not None:
        return
    facts = Facts(request.remote or None, _MARK, token.session_id, lane.upstream.authority)
    fields = lane.fields.to_upstream(request.fields, facts, token.authorization)
    try:
        pieces = lines_of(fields).split(_MARK.encode())
    except ValueError:
        return  # told where it is sent
    gateway.shelf.put(known, request.method, Prepared(pieces, request.remote, request.uid, gateway.policy))


def ask(gateway: Gateway, request: CallerRequest) -> Trip | None:
    """Ask FinHub at once, and return what carries the request; None, and nothing has happened, where it cannot be."""
    lane, known = gateway.lane, request.known
    token = lane.tokens.at_hand()
    if token is None or known is None or gateway.traffic.in_flight >= gateway.allowed.max_requests:
        return None
    if gateway.traffic.barred or ((shaper := lane.shaper) is not None and not shaper.is_free()):
        return None
    prepared = gateway.shelf.find(known, token, request, gateway.policy)
    if prepared is None:
        return None
    try:
        path = admit_again(gateway.policy, request.method, request.target)
    except errors.SidecarError:
        return None  # refused where everything is
    request_id = gateway.tools.new_id()
    data = b"%b\r\n%b\r\n" % (request.line, request_id.encode().join(prepared.pieces))
    answer = lane.upstream.send_at_once(data, bodiless=request.method == "HEAD")
    if answer is None:
        return None
    if shaper is not None:
        shaper.take()
    record = Record(request_id, request.method, path, gateway.tools.clock())
    record.tenant, record.peer, record.uid = lane.tenant, prepared.peer, prepared.uid
    record.fingerprint = token.fingerprint
    return Trip(gateway, request, answer, token, record)


class Trip:
    """One request on its way; `cancel` is called when its caller leaves, or with the end of the process.

    Attributes:
        answer, connection: what is heard, and where.
        token: that it was sent with.
        record: its story so far.
    """

    __slots__ = ("_gateway", "_is_over", "_request", "answer", "connection", "record", "token")

    def __init__(self, gateway: Gateway, request: CallerRequest, answer: Answer, token: Token, record: Record) -> None:
        self.answer = answer
        self.connection: Connection = answer.connection  # type: ignore[assignment]  # it has just been asked over
        self.token = token
        self.record = record
        self._gateway = gateway
        self._request = request
        self._is_over = False
        record.attempts = 1
        record.departure = Departure(self.cancel, binding=False)
        gateway.begin(request, record)
        if answer.failure is None:
            answer.told = self._hear
        else:
            asyncio.get_running_loop().call_soon(self._hear)

    def cancel(self) -> None:
        """End the request: nobody is to be answered."""
        self.answer.told = None
        if self.answer.connection is not None:
            self.answer.connection.abort()
        self.record.end()
        self._request.last = True
        self._finish()

    def _hear(self) -> None:
        answer = self.answer
        if self._is_over or (not answer.arrived and answer.failure is None):
            return
        answer.told = None
        try:
            self._count_time()
            is_done = self._is_ordinary() and self._deliver()
        except Exception as error:  # noqa: BLE001  # a bug must not end FinHub's connection, nor leave the caller waiting
            self._gateway.tools.emit(events.bug(error, self.record.request_id))
            is_done = self._request.has_begun
            if is_done and not self._is_over:
                self.record.outcome = "aborted"
                self._request.abort()
                self._finish()
        if not is_done:
            self.record.departure.ends(lambda: None)  # until there is a task to end
            self._request.carry(lambda request: self._gateway.go_on(request, self))

    def _count_time(self) -> None:
        self.record.upstream_seconds = self._gateway.tools.clock() - self.record.started_at

    def _is_ordinary(self) -> bool:
        """Tell whether a short and whole reply is here, for a caller that can take it."""
        answer, request = self.answer, self._request
        return (
            answer.ended
            and answer.failure is None
            and answer.held <= SHORT
            and answer.status != UNAUTHORIZED
            and not self._refuses_inside()
            and not request.says_no_more
            and request.is_clear
        )

    def _refuses_inside(self) -> bool:
        """Tell whether the reply, which is whole, refuses the token though its status does not say so."""
        in_band, answer = self._gateway.lane.in_band, self.answer
        if in_band is None or not in_band.may(answer.status, answer.fields):
            return False
        return in_band.says(answer.fields, b"".join(answer.parts))

    def _deliver(self) -> bool:
        """Hand the reply over; False, and nothing has happened, where it cannot be."""
        answer, record, gateway = self.answer, self.record, self._gateway
        if (relocation := gateway.lane.relocation) is not None:
            answer.fields = relocation.apply(answer.fields, self._request.fields)
        try:
            fields = to_caller(answer.fields)
        except errors.MalformedReply:
            return False  # told where everything is
        gateway.lane.tokens.accept(self.token, record.endpoint)
        record.status = record.upstream_status = answer.status
        record.source = "upstream"
        body = answer.take()
        try:
            self._request.reply(answer.status, reason_of(answer.reason), fields, body)
            record.sent = len(body)
        except ConnectionError:
            record.outcome = "caller_left"
        self._finish()
        return True

    def _finish(self) -> None:
        gateway, self._is_over = self._gateway, True
        gateway.lane.upstream.give_back()
        self.record.departure.forget()  # it holds us, and we it: no garbage for the collector to find
        self._request.done()
        gateway.over(self.record)
