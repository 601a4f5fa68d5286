"""Hands each request of one listener to the gateway of its tenant. A gateway knows no other tenant than its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sidecar.gateway.at_once import Trip
    from sidecar.gateway.caller_request import CallerRequest
    from sidecar.gateway.handler import Gateway
    from sidecar.gateway.nobody import Nobody
    from sidecar.guard.choosing import Chooser


class Switch:
    """`gateways` are the tenants', by name; it is looked at anew for each request. `nobody` refuses the rest."""

    def __init__(self, chooser: Chooser, gateways: Mapping[str, Gateway], nobody: Nobody) -> None:
        self._chooser = chooser
        self._gateways = gateways
        self._nobody = nobody

    def ask_at_once(self, request: CallerRequest) -> Trip | None:
        """Return what carries the request without a task, None where it cannot be: then `handle` is to be asked."""
        asked = request.target, request.line
        try:
            found = self._chooser.choose(request.target, request.fields)
        except errors.SidecarError:
            return None  # told in `handle`
        _aim(request, found.target)
        trip = self._gateways[found.tenant].ask_at_once(request)
        if trip is None:
            request.target, request.line = asked
        return trip

    async def handle(self, request: CallerRequest) -> None:
        """Answer the request; whatever happens, one event tells of it."""
        try:
            found = self._chooser.choose(request.target, request.fields)
        except errors.SidecarError as error:
            await self._nobody.refuse(request, error)
            return
        _aim(request, found.target)
        await self._gateways[found.tenant].handle(request)

    def unread(self, error: errors.SidecarError, request_id: str) -> None:
        """Tell of a caller that was refused before it had sent a request that could be read: whose, nobody knows."""
        self._nobody.unread(error, request_id)


def _aim(request: CallerRequest, target: str) -> None:
    """Have the request ask for `target` from now on."""
    if target != request.target:
        if request.line:
            request.line = b"%b %b HTTP/1.1" % (request.method.encode(), target.encode())
        request.target = target
