"""FinHub's sessions: tokens, how long they live, and the 10 % rule (CONTRACT.md §3 and §4).

Pure: instants are seconds on one steady clock; the wall clock only gives the claims their dates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import jwt

from sidecar.emulator.answers import EXPIRED, FinHubError, fincard_refusal, refusal
from sidecar.redact import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

FINHUB: Final = "finhub"
FINCARD: Final = "fincard"
"""Who issued a token: FinCard refuses its own in its own way."""

ALGORITHM: Final = "HS256"
UNCHANGED_ABOVE: Final = 0.1
_MOST_SESSIONS: Final = 1000
_COARSE_ABOVE: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One token and all that goes with it."""

    session_id: str
    user: str
    key: str
    token: Secret
    refresh_token: Secret | None
    lifetime: float
    expires_at: float
    issuer: str = FINHUB

    def left(self, now: float) -> float:
        """Return the seconds that the token still lives, 0.0 for a dead one."""
        return max(0.0, self.expires_at - now)


@dataclass(frozen=True, slots=True)
class Instant:
    """The same moment on both clocks, in seconds: `now` steady, `utc` since the epoch."""

    now: float
    utc: float


class Sessions:
    """Every session that lives; the oldest go first when there are too many. `issued` is told of each new token."""

    def __init__(
        self, signing_key: bytes, new_id: Callable[[], str], issued: Callable[[Session], None] = lambda _: None
    ) -> None:
        self._signing_key = signing_key
        self._new_id = new_id
        self._issued = issued
        self._by_token: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._by_token)

    def open(self, user: str, lifetime: float, at: Instant, *, refreshable: bool, issuer: str = FINHUB) -> Session:
        """Return a new session of `user`."""
        return self._mint(self._new_id(), user, lifetime, at, refreshable=refreshable, issuer=issuer)

    def renew(self, session: Session, at: Instant) -> Session:
        """Return `session` itself while more than 10 % of it is left, else its successor.

        The old token stays valid until its own end.
        """
        if session.left(at.now) > UNCHANGED_ABOVE * session.lifetime:
            return session
        return self._mint(
            session.session_id, session.user, session.lifetime, at, refreshable=True, issuer=session.issuer
        )

    def find(self, token: str, now: float) -> Session:
        """Return the living session of `token`, or raise 401: expired if it was ours once, invalid if never.

        FinCard says its 401 inside a 200 (CONTRACT.md §5).
        """
        session = self._by_token.get(token)
        if session is not None and session.left(now) > 0:
            return session
        issuer = self._issuer(token)
        if issuer == FINCARD:
            raise FinHubError(fincard_refusal(401, EXPIRED))
        message = "The access token is invalid" if issuer is None else EXPIRED
        raise FinHubError(refusal(401, message, errorType="UNAUTHENTICATED"))

    def by_key(self, key: str, now: float) -> Session | None:
        """Return the living session that the claim `internalTokenKey` names."""
        return next((each for each in self._by_token.values() if each.key == key and each.left(now) > 0), None)

    def close(self, token: str) -> bool:
        """End the session of `token`; tell whether there was one."""
        return self._by_token.pop(token, None) is not None

    def close_id(self, session_id: str) -> bool:
        """End every token of one session; tell whether there was any."""
        tokens = [token for token, each in self._by_token.items() if each.session_id == session_id]
        for token in tokens:
            del self._by_token[token]
        return bool(tokens)

    def revoke(self) -> int:
        """End every session without notice; return how many."""
        count = len(self._by_token)
        self._by_token.clear()
        return count

    def expire(self, now: float) -> int:
        """Let every living token end now; return how many."""
        alive = [each for each in self._by_token.values() if each.left(now) > 0]
        for each in alive:
            self._by_token[each.token.reveal()] = replace(each, expires_at=now)
        return len(alive)

    def _mint(
        self, session_id: str, user: str, lifetime: float, at: Instant, *, refreshable: bool, issuer: str = FINHUB
    ) -> Session:
        key = self._new_id()
        session = Session(
            session_id=session_id,
            user=user,
            key=key,
            token=Secret(self._sign(session_id, user, key, lifetime, at.utc, issuer=issuer)),
            refresh_token=Secret(f"refresh-{self._new_id()}") if refreshable else None,
            lifetime=lifetime,
            expires_at=at.now + lifetime,
            issuer=issuer,
        )
        self._make_room(at.now)
        self._by_token[session.token.reveal()] = session
        self._issued(session)
        return session

    def _sign(self, session_id: str, user: str, key: str, lifetime: float, utc: float, *, issuer: str) -> str:
        issued = math.floor(utc)
        claims = {
            "iss": issuer,
            "iat": issued,
            "exp": issued + whole(lifetime),
            "sub": user,
            "internalTokenKey": key,
            "sid": session_id,
            "jti": self._new_id(),
        }
        return jwt.encode(claims, self._signing_key, algorithm=ALGORITHM)

    def _make_room(self, now: float) -> None:
        dead = [token for token, each in self._by_token.items() if each.left(now) <= 0]
        for token in dead:
            del self._by_token[token]
        if len(self._by_token) >= _MOST_SESSIONS:
            del self._by_token[next(iter(self._by_token))]

    def _issuer(self, token: str) -> str | None:
        """Return who issued a token of ours, None for a stranger's."""
        try:
            # Only the signature counts: the table knows better than the claims when a token ends.
            claims = jwt.decode(
                token, self._signing_key, algorithms=[ALGORITHM], options={"verify_exp": False, "verify_iat": False}
            )
        except jwt.InvalidTokenError:
            return None
        return str(claims["iss"])


def whole(seconds: float) -> float:
    """Return a whole number of seconds as an int, as JSON and JWTs write it."""
    return int(seconds) if seconds == math.floor(seconds) else seconds


def validity(seconds: float) -> float:
    """Return what a reply says is left: whole seconds as FinHub counts, milliseconds below ten, never too much."""
    return whole(math.floor(seconds) if seconds >= _COARSE_ABOVE else math.floor(seconds * 1000) / 1000)
