"""What the token endpoint can answer, as values: a Grant, or a Failure of one of three kinds.

Pure. `dialect.py` makes them out of a reply, `source.py` out of a network error; `state.py` acts on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sidecar.redact import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """FinHub granted a token, or told how long the current one still lives (CONTRACT §3, §4).

    Attributes:
        token: the session token; None only in a refresh reply that carries a validity and no token.
        lifetime: seconds from the request's sending, the least that the reply and the token's claims allow;
            None when neither says anything.
        stated: seconds as the reply itself says them, whatever the claims; None when it does not.
        refresh_token: what a refresh sends back, where there is one.
        internal_token_key: the claim that names FinHub's own access token.
        session_id: FinHub's name for the session, where it tells one.
        found: which rule found what, names only: for `check`.
    """

    token: Secret | None
    lifetime: float | None
    stated: float | None = None
    refresh_token: Secret | None = None
    internal_token_key: Secret | None = None
    session_id: str | None = None
    found: tuple[tuple[str, str], ...] = ()


class Kind(StrEnum):
    """What kind of no it is, which decides when to ask again (CONTRACT §5)."""

    TRANSIENT = "transient"
    """FinHub could not answer; ask again after a growing pause."""

    THROTTLED = "throttled"
    """FinHub asked for patience (429); as transient, but no other call to the token endpoint in between."""

    FINAL = "final"
    """FinHub rejected what we sent; sending it again could lock the account."""

    UNSUPPORTED = "unsupported"
    """There is no such endpoint (404, 405, 501): only a refresh can end so."""


_UNREACHED: Final = frozenset({"dns_error", "connection_refused", "connection_timeout", "destination_unavailable"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """FinHub granted nothing.

    Attributes:
        kind: what to do about it.
        cause: the RFC 9209 name that a caller finds in Proxy-Status.
        detail: what was seen, without any secret.
        remedy: what a person can do.
        status: the HTTP status, 0 when there was none.
        retry_after: seconds FinHub asked us to wait, or None.
        of_refresh: it was a refresh that failed; FinHub was not asked for a login.
    """

    kind: Kind
    cause: str
    detail: str
    remedy: str
    status: int = 0
    retry_after: float | None = None
    of_refresh: bool = False

    @property
    def unreached(self) -> bool:
        """Whether FinHub cannot have heard of it: its name, its host or the way to it was not there."""
        return self.status == 0 and self.cause in _UNREACHED

    @property
    def on_the_way(self) -> bool:
        """Whether it was not FinHub that rejected what we sent, but the proxy before it."""
        return self.status == 0 and self.kind is Kind.FINAL
