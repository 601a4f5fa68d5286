"""A request that is no tenant's: refused as the guard would, and else since nobody is there to serve it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sidecar import errors
from sidecar.gateway import delivery, rescue
from sidecar.gateway.departure import Departure
from sidecar.gateway.record import Record
from sidecar.guard.policy import admit
from sidecar.guard.refusal import rule_of

if TYPE_CHECKING:
    from sidecar.gateway.caller_request import CallerRequest
    from sidecar.gateway.handler import Tools, Traffic
    from sidecar.gateway.pace import Pace
    from sidecar.guard.policy import Policy


class Nobody:
    """Refuses the requests of one listener that are no tenant's, counts them as `traffic`, and tells of each as of any.

    `policy` is the listener's; `taking` the pace in which a refusal must be taken.
    """

    def __init__(self, policy: Policy, taking: Pace, traffic: Traffic, tools: Tools) -> None:
        self._policy = policy
        self._taking = taking
        self._traffic = traffic
        self._tools = tools

    async def refuse(self, request: CallerRequest, error: errors.SidecarError) -> None:
        """Answer with what the guard says against the request, else with `error`."""
        record = self._begin(request)
        try:
            await self._tell(request, record, self._objection(request) or error)
        except BaseException:  # told, whatever it is: a cancellation, too
            record.end()
            raise
        finally:
            request.tell(None)
            self._traffic.in_flight -= 1
            self._tools.emit(record.told(self._tools.clock()))

    def unread(self, error: errors.SidecarError, request_id: str) -> None:
        """Tell of a caller that was refused before it had sent a request that could be read."""
        self._traffic.total += 1
        self._traffic.refused += 1
        now = self._tools.clock()
        record = Record(request_id, "", "", now)
        record.status, record.reason = error.status, error.proxy_error
        self._tools.emit(record.told(now))

    def _begin(self, request: CallerRequest) -> Record:
        task = asyncio.current_task()
        departure = Departure(None if task is None else task.cancel, binding=False)
        path = request.target.partition("?")[0]
        record = Record(self._tools.new_id(), request.method, path, self._tools.clock(), departure)
        record.peer, record.uid = request.remote, request.uid
        request.tell(departure)
        self._traffic.total += 1
        self._traffic.in_flight += 1
        self._traffic.refused += 1
        return record

    def _objection(self, request: CallerRequest) -> errors.SidecarError | None:
        try:
            admit(
                self._policy,
                method=request.method,
                target=request.target,
                fields=request.fields,
                peer=request.remote,
                uid=request.uid,
                version=request.version,
            )
        except errors.SidecarError as objection:
            return objection
        return None

    async def _tell(self, request: CallerRequest, record: Record, error: errors.SidecarError) -> None:
        record.reason, record.rule = error.proxy_error, rule_of(error)
        request.last = True  # what its sender means is not known, nor whose the next one would be
        await delivery.tell(request, rescue.reply_to(error, record.request_id), record, self._taking)
