"""A token and its lifetime: when it was asked for, until when it lives, when to renew it.

Pure. All instants are seconds on one steady clock that runs through sleep; jitter comes in as a number in [0, 1).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sidecar.redact import Secret
    from sidecar.session.answer import Grant

_WINDOW: Final = 0.1
"""FinHub renews nothing while more than a tenth of the validity remains (CONTRACT §4)."""

_SPREAD: Final = 0.9
"""Renewals spread over this share of the window: the rest is slack for FinHub's clock starting after ours."""

_SHORTEST_COUNTDOWN: Final = 1.0
"""With less than this many seconds left another refresh would come too late: log in."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Token:
    """One session token in use. A countdown of an unchanged token is a new Token with the same value.

    Attributes:
        value: the token itself.
        expires_at: from here on it is dead.
        renew_at: from here on it is due; inside the last tenth of its validity.
        window: seconds in which FinHub renews it.
        refresh_token: sent with a refresh, where there is one.
        internal_token_key: sent with a refresh, where the token's claims hold one.
        session_id: FinHub's name for the session, where it told one.
    """

    value: Secret
    expires_at: float
    renew_at: float
    window: float
    refresh_token: Secret | None = None
    internal_token_key: Secret | None = None
    session_id: str | None = None
    authorization: bytes = field(init=False, repr=False)
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        text = self.value.reveal().encode("ascii")
        object.__setattr__(self, "authorization", b"Bearer " + text)
        object.__setattr__(self, "fingerprint", hashlib.sha256(text).hexdigest()[:12])


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How renewals are planned: `margin` seconds kept before the end, `default_lifetime` where a reply tells none."""

    margin: float
    default_lifetime: float


def renew_at(expires_at: float, window: float, margin: float, jitter: float) -> float:
    """Return when to renew: in the window, at least `margin` (or half the window) before the end, spread by jitter."""
    kept = min(margin, window / 2)
    return expires_at - kept - jitter * _SPREAD * (window - kept)


def issue(grant: Grant, sent_at: float, schedule: Schedule, jitter: float) -> Token:
    """Return the Token that a login's grant describes, counted from the moment the request was sent.

    `grant.token` must be there.
    """
    lifetime = schedule.default_lifetime if grant.lifetime is None else grant.lifetime
    expires_at, window = sent_at + lifetime, lifetime * _WINDOW
    return Token(
        value=_present(grant.token),
        expires_at=expires_at,
        renew_at=renew_at(expires_at, window, schedule.margin, jitter),
        window=window,
        refresh_token=grant.refresh_token,
        internal_token_key=grant.internal_token_key,
        session_id=grant.session_id,
    )


def is_unchanged(current: Token, grant: Grant, sent_at: float) -> bool:
    """Tell whether a refresh's grant renews nothing: the same token, or a validity that is only what was left."""
    if grant.token is None or grant.token == current.value:
        return True
    return grant.lifetime is not None and grant.lifetime <= current.expires_at - sent_at


def renewed(current: Token, grant: Grant, sent_at: float, schedule: Schedule, jitter: float) -> Token | None:
    """Return the Token after a refresh, or None when so little is left that only a login helps.

    What the reply leaves out (refresh token, session id) is kept from the current token. An unchanged token is counted
    down from the reply and asked for again at half of what is left, inside the window that it always had.
    """
    if not is_unchanged(current, grant, sent_at):
        return replace(issue(grant, sent_at, schedule, jitter), **_kept(current, grant))
    left = _left(current, grant, sent_at)
    if left < _SHORTEST_COUNTDOWN:
        return None
    expires_at = sent_at + left
    ask_again = sent_at + left / 2
    if left > current.window:
        ask_again = renew_at(expires_at, current.window, schedule.margin, jitter)
    return replace(
        current,
        value=grant.token or current.value,
        expires_at=expires_at,
        renew_at=ask_again,
        **_kept(current, grant),
    )


def _left(current: Token, grant: Grant, sent_at: float) -> float:
    """Return the seconds an unchanged token still lives: the reply's word, else what we counted ourselves.

    The claims of a token that was not replaced still tell its first, full lifetime, so they do not count here.
    """
    if grant.stated is not None:
        return grant.stated
    return current.expires_at - sent_at


def _kept(current: Token, grant: Grant) -> dict[str, Any]:
    """Return what a refresh reply may leave out, from the reply or else from the current token."""
    return {
        "refresh_token": grant.refresh_token or current.refresh_token,
        "internal_token_key": grant.internal_token_key or current.internal_token_key,
        "session_id": grant.session_id or current.session_id,
    }


def _present(token: Secret | None) -> Secret:
    if token is None:
        raise ValueError("a login's grant always holds a token")
    return token
