"""What an entry says: a session as one pod left it, counted in seconds from its publication, as JSON.

Pure. Nothing in it depends on a pod's clock: who reads it counts on from the engine's word of how old it is.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sidecar.redact import Secret
from sidecar.session.answer import Failure, Kind
from sidecar.session.state import Adopted, Gate
from sidecar.session.token import Token

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.session.state import State

_VERSION: Final = 1
_LONGEST: Final = 366 * 86400.0  # seconds: what lives longer was garbled
_SHARE: Final = 0.5
"""Pods spread their renewals over so much of what lies between the publisher's and the end: the first one is enough."""


class Unreadable(Exception):
    """It opens, and does not say what an entry of this version says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A session at the instant of its publication, which is 0.

    Attributes:
        token: the token, its instants counted from the publication; None where there is none.
        token_with: a keyed digest of the credentials that it was got with, "" where nobody knows any more.
        gate, until, failure, failures: as in State; OPEN where FinHub may be asked.
        gate_with: the same digest of the credentials that FinHub rejected, or could not judge.
    """

    token: Token | None = None
    token_with: str = ""
    gate: Gate = Gate.OPEN
    until: float = 0.0
    failure: Failure | None = None
    failures: int = 0
    gate_with: str = ""


def of(state: State, now: float, *, token_with: str, gate_with: str) -> Entry:
    """Return the entry that tells `state`; what is over by `now` is left out."""
    token = state.token
    if token is not None and token.expires_at > now:
        token = replace(token, expires_at=token.expires_at - now, renew_at=max(0.0, token.renew_at - now))
    else:
        token = None
    entry = Entry(token=token, token_with=token_with if token else "")
    if state.gate in {Gate.COOLING, Gate.BLOCKED} and state.until > now:
        entry = replace(
            entry,
            gate=state.gate,
            until=state.until - now,
            failure=state.failure,
            failures=state.failures,
            gate_with=gate_with,
        )
    return entry


def seconds(entry: Entry) -> float:
    """Return how long the entry is of use; 0 where it says nothing."""
    return max(entry.until, 0.0 if entry.token is None else entry.token.expires_at)


def adopted(entry: Entry, age: float, now: float, jitter: float) -> Adopted:
    """Return what an entry that was published `age` seconds ago says on a clock that shows `now`.

    Pods become due one after the other, behind the publisher.
    """
    began = now - age
    token = entry.token
    if token is not None:
        due = token.renew_at + jitter * _SHARE * max(0.0, token.expires_at - token.renew_at)
        token = replace(token, expires_at=began + token.expires_at, renew_at=began + due)
    return Adopted(
        token=token, gate=entry.gate, until=began + entry.until, failure=entry.failure, failures=entry.failures
    )


# ── as JSON ─────────────────────────────────────────────────────────────────────────────────────────────────────


def encode(entry: Entry) -> bytes:
    """Return the entry as JSON, secrets in the clear: to be sealed at once."""
    text: dict[str, Any] = {"v": _VERSION}
    if entry.token is not None:
        text["token"] = _token(entry.token) | {"with": entry.token_with}
    if entry.failure is not None:
        text["gate"] = {
            "is": entry.gate.value,
            "until": entry.until,
            "failures": entry.failures,
            "failure": _failure(entry.failure),
            "with": entry.gate_with,
        }
    return json.dumps(text, separators=(",", ":")).encode()


def decode(text: bytes) -> Entry:
    """Return the entry that was encoded. Raises Unreadable, which shows nothing of it."""
    try:
        members = json.loads(text)
        if members["v"] != _VERSION:
            raise Unreadable("it is of another version")
        return _entry(members)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Unreadable("it is no entry") from None


def _token(token: Token) -> dict[str, Any]:
    return {
        "value": token.value.reveal(),
        "expires": token.expires_at,
        "renew": token.renew_at,
        "window": token.window,
        "refresh": _revealed(token.refresh_token),
        "key": _revealed(token.internal_token_key),
        "session": token.session_id,
    }


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "kind": failure.kind.value,
        "cause": failure.cause,
        "detail": failure.detail,
        "remedy": failure.remedy,
        "status": failure.status,
        "retry_after": failure.retry_after,
        "of_refresh": failure.of_refresh,
    }


def _revealed(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()


def _entry(members: dict[str, Any]) -> Entry:
    entry = Entry()
    if (token := members.get("token")) is not None:
        entry = replace(entry, token=_read_token(token), token_with=_text(token["with"]))
    if (gate := members.get("gate")) is not None:
        entry = replace(
            entry,
            gate=_closed(gate["is"]),
            until=_number(gate["until"]),
            failures=int(_number(gate["failures"])),
            failure=_read_failure(gate["failure"]),
            gate_with=_text(gate["with"]),
        )
    return entry


def _read_token(members: dict[str, Any]) -> Token:
    value = _text(members["value"])
    if not value.isascii() or not value.isprintable() or not value:
        raise ValueError("no token can hold that")
    return Token(
        value=Secret(value),
        expires_at=_number(members["expires"]),
        renew_at=_number(members["renew"]),
        window=_number(members["window"]),
        refresh_token=_maybe(_secret, members["refresh"]),
        internal_token_key=_maybe(_secret, members["key"]),
        session_id=_maybe(_text, members["session"]),
    )


def _read_failure(members: dict[str, Any]) -> Failure:
    return Failure(
        kind=Kind(members["kind"]),
        cause=_text(members["cause"]),
        detail=_text(members["detail"]),
        remedy=_text(members["remedy"]),
        status=int(_number(members["status"])),
        retry_after=_maybe(_number, members["retry_after"]),
        of_refresh=members["of_refresh"] is True,
    )


def _closed(text: object) -> Gate:
    gate = Gate(_text(text))
    if gate not in {Gate.COOLING, Gate.BLOCKED}:
        raise ValueError("such a gate is no entry's")
    return gate


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _secret(value: object) -> Secret:
    return Secret(_text(value))


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("not a number")
    if not math.isfinite(value) or not 0 <= value <= _LONGEST:
        raise ValueError("not a number of seconds")
    return float(value)


def _maybe(read: Callable[[object], Any], value: object) -> Any:
    return None if value is None else read(value)
