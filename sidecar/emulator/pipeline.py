"""The way of every call through FinHub: fault, header fields, token, tenant, handler, record, reply."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import web

from sidecar.emulator.answers import Answer, FinHubError, Reply, refusal
from sidecar.emulator.call import Call
from sidecar.emulator.fields import bearer, check_required, check_tenant
from sidecar.emulator.send import hang_up, send, send_cut

if TYPE_CHECKING:
    from sidecar.emulator.faults import Fault
    from sidecar.emulator.state import State

Handler = Callable[[Call], Awaitable[Reply]]

_KEPT_BODY: Final = 64 * 1024
_CLOSED: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A kind of call: its name in faults and counts, and whether a bearer token must come with it."""

    name: str
    bearer: bool


LOGIN: Final = Scope(name="login", bearer=False)
REFRESH: Final = Scope(name="refresh", bearer=True)
LOGOUT: Final = Scope(name="logout", bearer=False)
SESSION_END: Final = Scope(name="logout", bearer=True)
API: Final = Scope(name="api", bearer=True)


class Pipeline:
    """Wraps handlers into what aiohttp calls."""

    def __init__(self, state: State) -> None:
        self._state = state

    def wrap(self, scope: Scope, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return `handler` behind everything that FinHub asks of such a call."""

        async def carry(request: web.Request) -> web.StreamResponse:
            self._state.arrives(scope.name)
            if self._state.certificate_expired:  # a connection of before it expired
                return hang_up(request)
            try:
                return await self._carry(Call(request, scope.name, self._state.record.next_number()), scope, handler)
            except (ConnectionError, web.RequestPayloadError):
                self._state.counts.abandoned += 1
                return hang_up(request)

        return carry

    async def _carry(self, call: Call, scope: Scope, handler: Handler) -> web.StreamResponse:
        await _keep_small(call)
        fault = self._state.faults.take(scope.name, call.path)
        reply = await self._reply(call, scope, handler, fault)
        self._note(call, reply, fault)
        return await _deliver(call.request, reply, fault)

    async def _reply(self, call: Call, scope: Scope, handler: Handler, fault: Fault | None) -> Reply:
        if fault is not None:
            await asyncio.sleep(fault.delay)
            spoilt = _spoilt(fault)
            if spoilt is not None:
                return spoilt
        try:
            self._admit(call, scope)
            return await handler(call)
        except FinHubError as error:
            return error.answer

    def _admit(self, call: Call, scope: Scope) -> None:
        """Raise the refusal of a call that lacks a field, a token or the right tenant."""
        check_required(call.fields)
        if scope.bearer:
            call.session = self._state.sessions.find(bearer(call.fields), self._state.clock.now())
            check_tenant(call.fields, self._state.account.tenant_id)

    def _note(self, call: Call, reply: Reply, fault: Fault | None) -> None:
        """Count and record the call before the caller can know of its answer."""
        closed = fault is not None and fault.close
        self._count(call.scope, _meant(reply))
        self._state.record.add(call.seen(_CLOSED if closed else reply.status, fault.spec if fault else None))

    def _count(self, scope: str, status: int) -> None:
        counts = self._state.counts
        counts.login_attempts += scope == "login"
        counts.refresh_attempts += scope == "refresh"
        counts.api += scope == "api"
        counts.unauthorized += scope in ("api", "refresh") and status == HTTPStatus.UNAUTHORIZED


def _meant(reply: Reply) -> int:
    """Return the status that a reply means, which FinCard may say inside its body."""
    return (reply.inside if isinstance(reply, Answer) else None) or reply.status


async def _keep_small(call: Call) -> None:
    length = call.request.content_length
    if length is not None and length <= _KEPT_BODY:
        await call.body.keep()


def _spoilt(fault: Fault) -> Reply | None:
    """Return what stands in for the handler's answer, None where the handler is to be asked."""
    if fault.status is not None:
        return refusal(fault.status, retry_after=fault.retry_after, errorType="FAULT_ON_DEMAND")
    if fault.garbage:
        return Answer(body=b'<html>{"userSessionToken": not JSON')
    if fault.close:
        return Answer()
    return None


async def _deliver(request: web.Request, reply: Reply, fault: Fault | None) -> web.StreamResponse:
    if fault is not None and fault.close:
        return hang_up(request)
    if fault is not None and fault.cut is not None:
        return await send_cut(request, reply, fault.cut)
    return await send(request, reply)
