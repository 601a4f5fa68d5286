"""All that serves one tenant, as one value. The handler is given a lane and knows no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sidecar.gateway.fields import FieldPolicy
    from sidecar.gateway.in_band import InBand
    from sidecar.gateway.own_calls import OwnCalls
    from sidecar.gateway.relocation import Relocation
    from sidecar.gateway.shaping import Shaper
    from sidecar.gateway.upstream import Upstream
    from sidecar.session.source import TokenSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One tenant's parts. `expired_when`: the text a 401 must hold to count as expiry, None for any 401.

    `tenant` is its name, for whoever reads who did what. `in_band` is None where only a 401 refuses a token,
    `shaper` where requests go as fast as they come, `own_calls` where a caller's own login is refused,
    `relocation` where FinHub's redirects and cookies are delivered as they came. `upgrades` are the protocols that
    callers may switch to, lower-case.
    """

    fields: FieldPolicy
    tokens: TokenSource
    upstream: Upstream
    expired_when: str | None
    tenant: str = ""
    in_band: InBand | None = None
    shaper: Shaper | None = None
    own_calls: OwnCalls | None = None
    relocation: Relocation | None = None
    upgrades: frozenset[bytes] = frozenset()
