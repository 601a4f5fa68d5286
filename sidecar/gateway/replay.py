"""Is this reply for the caller, or is the request to be sent once more with another token?

Pure. The first of the two cases in which a request is sent a second time (CONTRACT §6).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sidecar import events

UNAUTHORIZED: Final = 401


class Verdict(StrEnum):
    """What becomes of a reply."""

    DELIVER = "deliver"
    """It is the caller's."""

    RENEW = "renew"
    """It is the caller's, but the token it refuses is of no more use to the next one."""

    REPLAY = "replay"
    """It is ours: reject the token and send the request again with another."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and, for the log, its reason: "" where the question did not arise."""

    verdict: Verdict
    reason: str = ""


DELIVERED: Final = Judgement(Verdict.DELIVER)


def judge(*, status: int, replayed: bool, means_expired: bool, repeatable: bool) -> Judgement:
    """Judge a reply that FinHub gave to our token and of which the caller has seen nothing.

    Args:
        status: the reply's status code.
        replayed: this was the second sending already.
        means_expired: the 401 speaks of expiry (`session.expired_when`); any 401 does by default.
        repeatable: the request's body is still whole in memory.
    """
    if status != UNAUTHORIZED:
        return DELIVERED
    if replayed:
        return Judgement(Verdict.DELIVER, events.REFUSED_AGAIN)
    if not means_expired:
        return Judgement(Verdict.DELIVER, events.NOT_EXPIRED)
    if not repeatable:
        return Judgement(Verdict.RENEW, events.NOT_REPEATABLE)
    return Judgement(Verdict.REPLAY, events.TOKEN_REFUSED)


def speaks_of_expiry(text: str | None, prefix: bytes, *, coded: bool) -> bool:
    """Tell whether a 401 means that the token expired: always, unless `session.expired_when` names a text to look for.

    `prefix` is the body's first 64 KiB at most; a content-coded body cannot be read and counts as expiry.
    """
    if text is None or coded:
        return True
    return text.casefold() in prefix.decode("utf-8", "replace").casefold()
