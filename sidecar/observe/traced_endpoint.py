"""The token endpoint behind the same door, with a span around each call that may bring a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.observe.span_attributes import error_of_status
from sidecar.session.answer import Failure

if TYPE_CHECKING:
    from sidecar.observe.tracing import Mint, Tracing
    from sidecar.session.dialect import Dialect
    from sidecar.session.source import Exchange, TokenEndpoint
    from sidecar.session.template import Template
    from sidecar.session.token import Token


class TracedEndpoint:
    """A TokenEndpoint that asks another one. `dialect` names the paths: as they are written, nothing filled in."""

    def __init__(self, endpoint: TokenEndpoint, dialect: Dialect, tracing: Tracing) -> None:
        self._endpoint = endpoint
        self._dialect = dialect
        self._tracing = tracing

    async def login(self) -> Exchange:
        """Send the credentials; see TokenEndpoint."""
        with self._mint("login", self._dialect.login) as mint:
            exchange = await self._endpoint.login()
            mint.came(exchange.status, _error(exchange))
        return exchange

    async def refresh(self, token: Token) -> Exchange | None:
        """Ask for a renewal; see TokenEndpoint."""
        if self._dialect.refresh is None:
            return await self._endpoint.refresh(token)
        with self._mint("refresh", self._dialect.refresh) as mint:
            exchange = await self._endpoint.refresh(token)
            if exchange is None:
                mint.never_was()
            else:
                mint.came(exchange.status, _error(exchange))
        return exchange

    async def logout(self, token: Token) -> None:
        """End the session; see TokenEndpoint. No token comes of it, and no span."""
        await self._endpoint.logout(token)

    def _mint(self, kind: str, call: Template) -> Mint:
        """Return the span of a call; where it has several paths, which of them it took is not told."""
        return self._tracing.mint(kind, call.method, call.path[0] if len(call.path) == 1 else "")


def _error(exchange: Exchange) -> str:
    if not isinstance(exchange.outcome, Failure):
        return ""
    return error_of_status(exchange.status) or exchange.outcome.cause
