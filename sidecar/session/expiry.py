"""How long a reply says that a token lives: `expires_in`, the token's own claims, or else `expiresAt`.

Pure. FinHub's `expiresAt` said 24 h of a token that lived 1 h: it counts where nothing else is given (CONTRACT §3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sidecar.session import lookup

if TYPE_CHECKING:
    from sidecar.session.dialect import ReplyShape

LONGEST: Final = 366 * 86_400.0
"""Seconds. A lifetime beyond it is a point in time, or milliseconds, or a mistake: as if it were not given."""

CLAIMS: Final = "exp - iat"
"""The rule's name in `Grant.found`."""

_INSTANT: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?"
    r"\s?(?:[Zz]|([+-])(\d\d):?(\d\d)?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Validity:
    """`lifetime` and `stated` as in Grant; `rule`: where the lifetime was found, "" when nowhere."""

    lifetime: float | None
    stated: float | None
    rule: str


def validity(document: object, shape: ReplyShape, claimed: float | None, reply_time: float) -> Validity:
    """Return how long the token of this reply lives.

    `claimed`: seconds by the token's claims. `reply_time`: when the reply was made, which `expiresAt` is counted from.
    """
    told = [(seconds, where) for where, seconds in lookup.readings(document, shape.expires_in, _seconds)]
    stated = min(told, default=(None, ""))
    candidates = told if claimed is None or claimed > LONGEST else [*told, (claimed, CLAIMS)]
    if candidates:
        seconds, rule = min(candidates, key=lambda candidate: candidate[0])  # of equals the reply's own word
        return Validity(lifetime=seconds, stated=stated[0], rule=rule)
    rule, instant = lookup.first(document, shape.expires_at, parse_instant)
    if instant is None or instant - reply_time > LONGEST:
        return Validity(lifetime=None, stated=None, rule="")
    return Validity(lifetime=instant - reply_time, stated=instant - reply_time, rule=rule)


def parse_instant(value: object) -> float | None:
    """Read an ISO 8601 date and time as seconds since 1970; without a zone it is UTC. None when it is none."""
    match = _INSTANT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    *parts, fraction, sign, hours, minutes = match.groups(default="0")
    try:
        instant = datetime(*map(int, parts), tzinfo=UTC)  # type: ignore[misc,arg-type]  # six numbers, by the pattern
    except ValueError:
        return None
    offset = int(hours) * 3600 + int(minutes) * 60
    return instant.timestamp() + float(f"0.{fraction}") - (-offset if sign == "-" else offset)


def _seconds(value: object) -> float | None:
    seconds = lookup.number(value)
    return seconds if seconds is not None and 0 <= seconds <= LONGEST else None
