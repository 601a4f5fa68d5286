"""A refusal of the token inside a reply whose status is not 401: who knows one, and how it is looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from sidecar.gateway.upstream import Reply
    from sidecar.rawfields import RawFields

PEEK: Final = 65536
"""So much of a reply's body is looked at before it is the caller's."""


class InBand(Protocol):
    """What knows such a refusal, for lanes in which there are any."""

    def may(self, status: int, fields: RawFields) -> bool:
        """Tell whether the body of such a reply has to be looked at."""

    def says(self, fields: RawFields, body: bytes) -> bool:
        """Tell whether the body, its first 64 KiB at most, refuses the token."""


async def refuses(in_band: InBand, reply: Reply) -> bool:
    """Tell whether the reply refuses the token; errors of the upstream as `peek` raises them."""
    return in_band.may(reply.status, reply.fields) and in_band.says(reply.fields, await reply.peek(PEEK))
