"""A reply that grants nothing → a Failure: what kind it is, and what a person can do about it.

Pure. The table of CONTRACT §5, with the remedies of FinHub's own error table in our words and our keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sidecar.session.answer import Failure, Kind
from sidecar.session.reply_time import retry_after
from sidecar.session.wording import said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sidecar.rawfields import RawFields

_ANSWERED: Final = frozenset({Kind.TRANSIENT, Kind.THROTTLED})

CAUSES: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.FINAL: "proxy_configuration_error",
        Kind.THROTTLED: "destination_unavailable",
        Kind.TRANSIENT: "destination_unavailable",
        Kind.UNSUPPORTED: "destination_unavailable",
    }
)
"""RFC 9209 §2.3 names."""

UNREADABLE: Final = "http_protocol_error"

_FINAL: Final = dict.fromkeys((400, 401, 403, 422, 423), Kind.FINAL)
_LOGIN_KINDS: Final[Mapping[int, Kind]] = MappingProxyType({**_FINAL, 429: Kind.THROTTLED})
_REFRESH_KINDS: Final[Mapping[int, Kind]] = MappingProxyType(
    {**_LOGIN_KINDS, **dict.fromkeys((404, 405, 501), Kind.UNSUPPORTED)}
)

_CHECK_FORMAT: Final = (
    "Check what the login sends: every key of [credentials] that session.dialect uses, account_type and grant_type "
    "above all, and that session.dialect is the one FinHub gave you."
)
_CHECK_CERTIFICATE: Final = (
    "Verify the client certificate and its permissions: [identity] must name the certificate that FinHub issued or "
    "registered for this environment, in date, and FinHub must allow this user and this machine's address."
)
_SLOW_DOWN: Final = (
    "Reduce how often this account logs in: one sidecar per credential set, no restart loop, and no other program that "
    "logs in as the same user. The sidecar waits by itself (session.backoff, Retry-After)."
)
_SUPPORT: Final = "Nothing here: the sidecar keeps trying. If it lasts, contact FinHub support with these details."
_UNCLEAR: Final = (
    "Read what FinHub says. This cannot be told from rejected credentials, and five failures lock the account for "
    "everybody: the sidecar tries again by itself only when a secret changes or session.blocked_for is over. POST "
    "/-/reauthenticate to the admin listener tries once, now."
)
_CHECK_ADDRESS: Final = "Check session.url (or upstream.url) and session.dialect: FinHub has no login at this address."
_LOGIN_REMEDIES: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: _CHECK_FORMAT,
        401: (
            "Verify credentials.username, credentials.password, credentials.customer_id (the client ID) and "
            "credentials.customer_secret (the client secret). The sidecar tries again by itself only when one changes "
            "or session.blocked_for is over: five failures lock the account for everybody."
        ),
        403: _CHECK_CERTIFICATE,
        404: _CHECK_ADDRESS,
        405: _CHECK_ADDRESS,
        422: _CHECK_FORMAT,
        423: (
            "The account is locked, as a rule for 30 minutes after five failures: verify credentials.username and "
            "credentials.password meanwhile, or ask FinHub support to unlock it."
        ),
        429: _SLOW_DOWN,
    }
)
_REDIRECTED: Final = "Check session.url (or upstream.url): FinHub redirects the login, and the sidecar follows nobody."

_NO_REFRESH: Final = (
    "The sidecar logs in instead. Set session.refresh.path to the address that FinHub gave you, or "
    "session.refresh.enabled = false."
)
_LOGS_IN: Final = "Nothing: the sidecar logs in instead. If it lasts, set session.refresh.enabled = false."
_REFRESH_REMEDIES: Final[Mapping[int, str]] = MappingProxyType(
    {**dict.fromkeys((404, 405, 501), _NO_REFRESH), **dict.fromkeys(_FINAL, _LOGS_IN), 429: _SLOW_DOWN}
)

_CERTIFICATE_REFUSALS: Final = (b"no required ssl certificate", b"ssl certificate error")
_SEARCHED: Final = 4096


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of the token endpoint: its word, and what its statuses mean."""

    word: str
    kinds: Mapping[int, Kind]
    remedies: Mapping[int, str]


_SERVER_SIDE: Final = range(500, 600)

LOGIN: Final = Asked("login", _LOGIN_KINDS, _LOGIN_REMEDIES)
REFRESH: Final = Asked("refresh", _REFRESH_KINDS, _REFRESH_REMEDIES)


def refused(asked: Asked, status: int, fields: RawFields, document: object, now_utc: float) -> Failure:
    """Return the failure that FinHub means by `status`, explained by what `document` (its JSON, or None) says."""
    kind, words = asked.kinds.get(status, Kind.TRANSIENT), said(document)
    return Failure(
        kind=kind,
        cause=CAUSES[kind],
        detail=f"FinHub answered {status} to the {asked.word}{words.reason}",
        remedy=_remedy(asked, status, words.field),
        status=status,
        retry_after=retry_after(fields, now_utc) if kind in _ANSWERED else None,
    )


def refused_inside(asked: Asked, code: int, fields: RawFields, document: object, now_utc: float) -> Failure:
    """Return the failure that a 2xx means by the `code` in its body.

    What the code says is not known for sure: unless it is a server's own error or a plea for patience, it may be that
    of rejected credentials, which a second try within minutes would help to lock.
    """
    if code in asked.kinds or code in _SERVER_SIDE:
        return refused(asked, code, fields, document, now_utc)
    return _unclear(asked, code, document)


def refused_certificate(asked: Asked, status: int) -> Failure:
    """Return the failure of a client certificate that a TLS terminator refused in HTTP."""
    return Failure(
        kind=Kind.FINAL,
        cause=CAUSES[Kind.FINAL],
        detail=f"FinHub answered {status} to the {asked.word}: it refused the client certificate, or missed one",
        remedy=_CHECK_CERTIFICATE,
        status=status,
    )


def speaks_of_certificate(status: int, body: bytes) -> bool:
    """Tell whether this is nginx's "400 No required SSL certificate was sent", or its like."""
    start = body[:_SEARCHED].lower()
    return status == 400 and any(text in start for text in _CERTIFICATE_REFUSALS)  # noqa: PLR2004  # a status


def unsuccessful(asked: Asked, status: int, document: object) -> Failure:
    """Return the failure of a reply that says `"success": false` and no code; see `refused_inside`."""
    return _unclear(asked, status, document, ", without success")


def _unclear(asked: Asked, status: int, document: object, how: str = "") -> Failure:
    return Failure(
        kind=Kind.FINAL,
        cause=CAUSES[Kind.FINAL],
        detail=f"FinHub answered {status} to the {asked.word}{how}{said(document).reason}",
        remedy=_UNCLEAR if asked is LOGIN else _LOGS_IN,
        status=status,
    )


def unreadable(asked: Asked, status: int, why: str) -> Failure:
    """Return the failure of a reply that says neither yes nor no; `why` completes "the reply …"."""
    return Failure(
        kind=Kind.TRANSIENT,
        cause=UNREADABLE,
        detail=f"FinHub answered {status} to the {asked.word}, but the reply {why}",
        remedy="Check session.url and session.dialect. If both are right, contact FinHub support with these details.",
        status=status,
    )


def _remedy(asked: Asked, status: int, field: str) -> str:
    remedy = asked.remedies.get(status)
    if remedy is None:
        return _REDIRECTED if 300 <= status < 400 else _SUPPORT  # noqa: PLR2004  # RFC 9110 §15.4
    return f"{remedy} FinHub names the field {field}." if field and remedy is _CHECK_FORMAT else remedy
