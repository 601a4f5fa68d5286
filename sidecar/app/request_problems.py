"""What is wrong with the requests of the last minutes: on the way to FinHub, there, and with who sends them.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sidecar import errors
from sidecar.app.blame import CONFIGURATION, FINHUB, NETWORK, WHOSE
from sidecar.app.facts import ERROR, WARNING, Problem
from sidecar.observe.history import LATELY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sidecar.app.facts import Facts

_FEW: Final = 5
"""So many bad requests are none: they happen."""

_SHARE: Final = 0.05
"""From this share on, what happens to requests is worth a word."""

_LOOK: Final = "`reason` in the log's request lines names what failed."
_KINDS: Final = {
    kind.proxy_error: kind
    for kind in (
        errors.DnsError,
        errors.ConnectionRefused,
        errors.ConnectionTimeout,
        errors.ConnectionTerminated,
        errors.ConnectionLimitReached,
        errors.ResponseTimeout,
        errors.DestinationUnavailable,
        errors.MalformedReply,
        errors.TlsError,
        errors.TlsCertificateError,
        errors.TlsAlertReceived,
        errors.SidecarError,
    )
}
"""What a request can fail of on its way to FinHub; what hinders a token is told with the session."""


def of_requests(facts: Facts) -> Iterator[Problem]:
    """Yield what is wrong, the cause before what it causes."""
    yield from _tokens(facts)
    yield from _requests(facts)
    yield from _connections(facts)


def _tokens(facts: Facts) -> Iterator[Problem]:
    if facts.braked:
        yield Problem(
            WARNING,
            "FinHub answers 401 even to tokens that it has just granted; the storm brake delivers these.",
            FINHUB,
            "See which path the requests answered 401 have in common (the log tells it). If it is one that always says "
            "401, the caller lacks a right there; if it is all of them, contact FinHub support.",
        )
    elif _much(facts, "replays"):
        yield Problem(
            WARNING,
            f"{_of(facts, 'replays')} had to be sent twice, as a rule since FinHub rejected the token before its time.",
            FINHUB,
            "Find out whether another program logs in as the same user: FinHub may allow one session only. Run one "
            "sidecar for each set of credentials.",
        )


def _requests(facts: Facts) -> Iterator[Problem]:
    if _much(facts, "upstream_errors"):
        yield Problem(
            _weight(facts, "upstream_errors"),
            f"FinHub answered {_of(facts, 'upstream_errors')} with an error of its own (5xx).",
            FINHUB,
            "Nothing here: the replies are passed on as they are. If it lasts, contact FinHub support with the request "
            "ids in the log.",
        )
    if _much(facts, "sidecar_errors") and facts.failure is None and not facts.barred:
        yield _unserved(facts)
    if _much(facts, "refused"):
        yield Problem(
            WARNING,
            f"The sidecar itself refused {_of(facts, 'refused')}.",
            CONFIGURATION,
            "Look for `rule` in the log's request lines: it names what refused. Correct the callers, or [listen] if "
            "they are right.",
        )


def _unserved(facts: Facts) -> Problem:
    """Return what kept requests from FinHub, by the most frequent of the reasons."""
    what, weight = f"{_of(facts, 'sidecar_errors')} failed on the way to FinHub", _weight(facts, "sidecar_errors")
    known = {reason: count for reason, count in facts.reasons.items() if reason in _KINDS and count}
    if not known:
        return Problem(weight, f"{what}.", NETWORK, f"{_LOOK} {errors.UpstreamError.default_remedy}")
    reason = max(known, key=lambda name: known[name])
    kind = _KINDS[reason]
    return Problem(weight, f"{what}, mostly: {kind.title} ({reason}).", WHOSE[reason], f"{_LOOK} {kind.default_remedy}")


def _much(facts: Facts, name: str) -> bool:
    count, requests = facts.lately.get(name, 0), facts.lately.get("requests", 0)
    return count >= _FEW and count >= _SHARE * requests


def _weight(facts: Facts, name: str) -> str:
    """Return how bad it is: half of the requests is no passing trouble."""
    return ERROR if 2 * facts.lately[name] >= facts.lately["requests"] else WARNING


def _of(facts: Facts, name: str) -> str:
    return f"{facts.lately[name]} of {facts.lately['requests']} requests of the last {LATELY / 60:.0f} minutes"


def _connections(facts: Facts) -> Iterator[Problem]:
    if facts.waiting:
        yield Problem(
            WARNING,
            f"All {facts.most} connections to FinHub are in use, and requests wait for one.",
            CONFIGURATION,
            "Raise upstream.max_connections, or send fewer requests at once. Is FinHub slow? See the latency.",
        )
