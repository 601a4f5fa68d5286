"""A caller's own login, refresh or logout: answered here, or, for a login, by FinHub and without what it is worth.

A refresh or a logout never goes to FinHub: with our token on it, it would renew or end our own session (invariant 9).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

from sidecar import problem
from sidecar.errors import RequestDenied
from sidecar.gateway import delivery
from sidecar.guard.own_paths import has_one_reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.answer import Answer
    from sidecar.gateway.caller_request import CallerRequest
    from sidecar.gateway.handler import Gateway
    from sidecar.gateway.record import Record
    from sidecar.gateway.upstream import Reply
    from sidecar.guard.own_paths import OwnCall
    from sidecar.rawfields import RawFields

_MOST: Final = 65536
"""So much of a body is read before it is answered, and of FinHub's reply before it is searched."""


class Stub(Protocol):
    """What answers in FinHub's place. A `path` is as it was asked for, not decoded."""

    def logs_in(self, method: str, path: str) -> bool:
        """Tell whether this call is a login."""
        ...

    def methods(self, path: str) -> tuple[str, ...]:
        """Return the methods that are answered at `path`: none where nobody knows what it is for."""
        ...

    def answer(self, method: str, path: str, now_utc: float) -> Answer | None:
        """Return the reply to this call, None where there is none."""
        ...


class Scrub(Protocol):
    """What takes tokens out of FinHub's replies."""

    def clean(self, fields: RawFields, body: bytes, made_at: int) -> tuple[RawFields, bytes]:
        """Return fields and body without them; MalformedReply where they cannot be searched."""
        ...


@dataclass(frozen=True, slots=True)
class OwnCalls:
    """How a lane takes such calls; with a `scrub` logins go to FinHub."""

    stub: Stub
    scrub: Scrub | None
    utc_now: Callable[[], float]

    async def carry(self, gateway: Gateway, request: CallerRequest, record: Record, call: OwnCall) -> None:
        """Answer the call; raises it again, for a refusal, where nobody knows what its path is for."""
        if self.scrub is not None and self.stub.logs_in(request.method, call.path):
            if len(call.methods) > 1 or not has_one_reading(call.path):
                raise call  # another server may take it for a logout
            gateway.policy.allow.admit(call.methods, call.path)
            await self._ask(self.scrub, gateway, request, record)
            return
        methods = self.stub.methods(call.path)
        if not methods:
            raise call
        await _read(gateway, request, record)
        answer = self.stub.answer(request.method, call.path, self.utc_now())
        if answer is None:
            record.rule = call.rule
            gateway.traffic.refused += 1
            answer = _wrong_method(methods, record)
        await delivery.tell(request, answer, record, gateway.allowed.taking)

    async def _ask(self, scrub: Scrub, gateway: Gateway, request: CallerRequest, record: Record) -> None:
        """Have FinHub answer, whatever it says: its 401 means the caller's credentials, and not our token."""
        request.known = None
        request.fields = _uncoded(request.fields)
        body = gateway.body_of(request)
        try:
            reply, _ = await gateway.ask(request, body, record)
            async with reply:
                await self._clean(scrub, reply)
                await gateway.deliver(request, reply, record)
        finally:
            record.received = body.received
            body.release()

    async def _clean(self, scrub: Scrub, reply: Reply) -> None:
        head = await reply.peek(_MOST + 1)
        fields, body = scrub.clean(reply.fields, head, int(self.utc_now()))
        reply.change(fields, body)


async def _read(gateway: Gateway, request: CallerRequest, record: Record) -> None:
    """Read a body that nobody wants: a program may wait until it has sent it."""
    body = gateway.body_of(request)
    try:
        await body.prefetch(_MOST)
    finally:
        record.received = body.received
        body.release()


def _wrong_method(methods: tuple[str, ...], record: Record) -> Answer:
    """Return 405, which names the methods there are (RFC 9110 §15.5.6)."""
    known = ", ".join(methods)
    error = RequestDenied(
        f"This path logs in or out (session.dialect), which is {known} alone.",
        remedy=f"Send {known}, or leave out logging in: every request through the sidecar is authenticated already.",
    )
    record.reason = error.proxy_error
    answer = problem.answer(error, record.request_id, status=HTTPStatus.METHOD_NOT_ALLOWED)
    return replace(answer, fields=(*answer.fields, ("Allow", known)))


def _uncoded(fields: RawFields) -> RawFields:
    """Return the fields of a request whose reply is to be read on the way."""
    kept = tuple(field for field in fields if field[0].lower() != b"accept-encoding")
    return (*kept, (b"Accept-Encoding", b"identity"))
