"""What the token endpoint answered → a Grant or a Failure, for every shape that FinHub's documentation shows.

Pure, and never raises, whatever the bytes. Where things lie is the dialect's; what they mean is CONTRACT §3 to §5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sidecar.redact import Secret
from sidecar.session import lookup
from sidecar.session.answer import Failure, Grant
from sidecar.session.claims import claims
from sidecar.session.claims import lifetime as claimed_lifetime
from sidecar.session.expiry import validity
from sidecar.session.refusal import (
    LOGIN,
    REFRESH,
    refused,
    refused_certificate,
    refused_inside,
    speaks_of_certificate,
    unreadable,
    unsuccessful,
)
from sidecar.session.reply_time import reply_time

if TYPE_CHECKING:
    from sidecar.rawfields import RawFields
    from sidecar.session.dialect import Dialect, ReplyShape
    from sidecar.session.refusal import Asked

FOUND: Final = ("token", "expiry", "refresh_token", "session_id", "internal_token_key")
"""What a reply may hold, in the order of `Grant.found`."""

_SUCCESS: Final = range(200, 300)
_LEAST_REFUSAL: Final = 300
_SUCCESSFUL: Final = ("success",)


def read_login(dialect: Dialect, status: int, fields: RawFields, body: bytes, now_utc: float) -> Grant | Failure:
    """Return what a login's reply means. A grant always holds a token, and one that is not dead on arrival.

    `now_utc` stands in for the reply's `Date` where there is none: seconds since 1970.
    """
    answer = _Reader(dialect.reply, LOGIN, status, fields, now_utc).read(body)
    if isinstance(answer, Failure):
        return answer
    if answer.token is None:
        return unreadable(LOGIN, status, f"holds no token ({', '.join(dialect.reply.token)})")
    if answer.lifetime is not None and answer.lifetime <= 0:
        return unreadable(LOGIN, status, "holds a token that has expired already")
    return answer


def read_refresh(dialect: Dialect, status: int, fields: RawFields, body: bytes, now_utc: float) -> Grant | Failure:
    """Return what a refresh's reply means. A grant without a token tells how long the current one still lives."""
    answer = _Reader(dialect.reply, REFRESH, status, fields, now_utc).read(body)
    if isinstance(answer, Grant) and answer.token is None and answer.lifetime is None:
        return unreadable(REFRESH, status, "holds neither a token nor a validity")
    return answer


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one reply: all that is known of it but its body."""

    shape: ReplyShape
    asked: Asked
    status: int
    fields: RawFields
    now_utc: float

    def read(self, body: bytes) -> Grant | Failure:
        if speaks_of_certificate(self.status, body):
            return refused_certificate(self.asked, self.status)
        document = lookup.parse(body)
        if self.status not in _SUCCESS:
            return refused(self.asked, self.status, self.fields, document, self.now_utc)
        if not isinstance(document, dict):
            return unreadable(self.asked, self.status, "is not a JSON object" if body.strip() else "is empty")
        return self._read_success(document)

    def _read_success(self, document: dict[str, object]) -> Grant | Failure:
        where, token = lookup.first(document, self.shape.token, lookup.filled)
        if token is None:
            return self._refused_inside(document) or self._grant(document, where, token)
        if not lookup.is_visible(token):
            return unreadable(self.asked, self.status, f"holds a token ({where}) that no header field can carry")
        return self._grant(document, where, token)

    def _refused_inside(self, document: dict[str, object]) -> Failure | None:
        """Return the refusal that a 2xx without a token can hold, as FinCard's do; None when it holds none."""
        _, code = lookup.first(document, self.shape.code, _refusal)
        if code is not None:
            return refused_inside(self.asked, code, self.fields, document, self.now_utc)
        _, no = lookup.first(document, _SUCCESSFUL, lambda value: True if value is False else None)
        return unsuccessful(self.asked, self.status, document) if no else None

    def _grant(self, document: dict[str, object], where: str, token: str | None) -> Grant:
        claimed = {} if token is None else claims(token)
        made_at = reply_time(self.fields, self.now_utc)
        valid = validity(document, self.shape, claimed_lifetime(claimed), made_at)
        refresh_at, refresh_token = lookup.first(document, self.shape.refresh_token, lookup.text)
        session_at, session_id = lookup.first(document, self.shape.session_id, lookup.visible)
        key_at, key = lookup.first(claimed, self.shape.internal_token_key, lookup.name)
        rules = (where, valid.rule, refresh_at, session_at, key_at and f"claim {key_at}")
        return Grant(
            token=_secret(token),
            lifetime=valid.lifetime,
            stated=valid.stated,
            refresh_token=_secret(refresh_token),
            internal_token_key=_secret(key),
            session_id=session_id,
            found=tuple((name, rule) for name, rule in zip(FOUND, rules, strict=True) if rule),
        )


def _refusal(value: object) -> int | None:
    """Read the status that a refusal inside a reply means."""
    code = lookup.number(value)
    return int(code) if code is not None and code >= _LEAST_REFUSAL and code.is_integer() else None


def _secret(text: str | None) -> Secret | None:
    return None if text is None else Secret(text)
