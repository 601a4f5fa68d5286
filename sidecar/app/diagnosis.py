"""What is wrong now, whose fault it is, and what to do about it: for the one who is called at night.

Pure. From values that the assembly hands in; instants are POSIX seconds, durations seconds.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sidecar import errors
from sidecar.observe.history import LATELY
from sidecar.wire import tls_causes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sidecar.events import Bug
    from sidecar.session.answer import Failure

ERROR: Final = "error"
WARNING: Final = "warning"

SIDECAR: Final = "sidecar"
FINHUB: Final = "FinHub"
CONFIGURATION: Final = "configuration"
NETWORK: Final = "network"

STUCK: Final = 20.0
"""Seconds after which a session without a token is nothing that passes: the longest nap, and some."""

_SLOW: Final = 3.0
"""Seconds after which a login that is not answered is worth a word."""

_DAY, _WEEK, _MONTH = 1, 7, 30
_FEW: Final = 5
"""So many bad requests are none: they happen."""

_SHARE: Final = 0.05
"""From this share on, what happens to requests is worth a word."""

_HTTP_ERROR: Final = 500
_LOOK: Final = "`reason` in the log's request lines names what failed."
_MADE_BY_FINHUB: Final = tuple(tls_causes.VERDICTS[verdict].detail for verdict in (9, 10, 23))
"""What only FinHub can mend of its certificate: not valid yet, expired, revoked."""

WHOSE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dns_error": NETWORK,
        "connection_refused": NETWORK,
        "connection_timeout": NETWORK,
        "connection_terminated": NETWORK,
        "connection_limit_reached": CONFIGURATION,
        "connection_read_timeout": FINHUB,
        "destination_unavailable": NETWORK,
        "http_protocol_error": FINHUB,
        "proxy_configuration_error": CONFIGURATION,
        "proxy_internal_error": SIDECAR,
        "tls_alert_received": CONFIGURATION,
        "tls_certificate_error": CONFIGURATION,
        "tls_protocol_error": NETWORK,
    }
)
"""Whose fault it is, by RFC 9209 name, where FinHub has not answered."""

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


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `severity` is "error" where callers feel it now, else "warning"."""

    severity: str
    what: str
    whose: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a running sidecar.

    Attributes:
        state: the session's word.
        for_seconds: since when it holds.
        token_ends: when the living token ends; None where there is none that lives.
        tries_at: when COOLING or BLOCKED ends; None otherwise.
        failure: why the last flight brought no token; None after a success.
        lazy: nobody logs in before a caller comes.
        certificate_ends, certificate_days: the client certificate's end and the whole days up to it; None without one.
        draining: the process is going down.
        waiting, most: requests that wait for a connection to FinHub, and how many of these there may be.
        lately: what happened to requests in the last LATELY seconds, by the names of `observe.history.COUNTS`.
        reasons: how many of them we ended with an error of our own, by RFC 9209 name.
        braked: the storm brake delivered a 401 a moment ago.
        broken: what was read again and cannot be used; None where all of it can.
        bug: something impossible that happened in the last hour.
        audit: why the audit trail cannot be written, "" while it can.
        barred: why no request is carried at all, "" as a rule.
        works: what keeps session and files up to date runs.
    """

    state: str
    for_seconds: float
    token_ends: float | None
    tries_at: float | None
    failure: Failure | None
    lazy: bool
    certificate_ends: float | None
    certificate_days: int | None
    draining: bool
    waiting: int
    most: int
    lately: Mapping[str, int]
    reasons: Mapping[str, int] = field(default_factory=dict)
    braked: bool = False
    broken: errors.SidecarError | None = None
    bug: Bug | None = None
    audit: str = ""
    barred: str = ""
    works: bool = True


def problems(facts: Facts) -> list[dict[str, str]]:
    """Return what is wrong, as plain JSON values: errors first, and among equals the cause before what it causes."""
    found = sorted(_found(facts), key=lambda problem: problem.severity != ERROR)
    return [dataclasses.asdict(problem) for problem in found]


def _found(facts: Facts) -> Iterator[Problem]:
    yield from _going_down(facts)
    yield from _certificate(facts)
    yield from _session(facts)
    yield from _audit(facts)
    yield from _reload(facts)
    yield from _tokens(facts)
    yield from _requests(facts)
    yield from _connections(facts)
    yield from _bugs(facts)


# ── the session ─────────────────────────────────────────────────────────────────────────────────────────────────


def _session(facts: Facts) -> Iterator[Problem]:
    if facts.failure is not None:
        yield _failed(facts, facts.failure)
    elif facts.token_ends is None and facts.state == "MINTING" and facts.for_seconds > _SLOW:
        yield Problem(
            WARNING if facts.lazy else ERROR,
            "FinHub has not answered the login yet; requests wait for it.",
            FINHUB,
            "Wait: after session.wait requests get 503, and the sidecar goes on by itself. If it lasts, check the "
            "network between here and FinHub.",
        )
    elif facts.token_ends is None and not facts.lazy and facts.for_seconds > STUCK and facts.state != "MINTING":
        yield Problem(
            ERROR,
            "There is no valid FinHub session, and the sidecar does not log in though it should.",
            SIDECAR,
            "POST /-/reauthenticate to the admin listener. If that does not help, keep the log, then restart it.",
        )


def _failed(facts: Facts, failure: Failure) -> Problem:
    alive = facts.token_ends is not None
    what = "The FinHub session cannot be renewed" if alive else "There is no valid FinHub session, requests get 503"
    serves = f" The token in use serves until {day(facts.token_ends)}." if facts.token_ends is not None else ""
    return Problem(
        WARNING if alive else ERROR, f"{what}: {failure.detail}.{serves}{_next(facts)}", whose(failure), failure.remedy
    )


def _next(facts: Facts) -> str:
    """Return when it is tried again."""
    if facts.state == "MINTING":
        return " It is being tried again now."
    if facts.tries_at is not None:
        return f" It is tried again at {clock(facts.tries_at)}."
    return " The next request tries again." if facts.lazy else " It is about to be tried again."


def whose(failure: Failure) -> str:
    """Return whose fault a failed mint is."""
    if failure.status >= _HTTP_ERROR:
        return FINHUB
    if failure.status and failure.cause == "destination_unavailable":  # 429, a redirection, no such path
        return CONFIGURATION
    if any(made in failure.detail for made in _MADE_BY_FINHUB):
        return FINHUB
    return WHOSE.get(failure.cause, FINHUB)


# ── the identity ────────────────────────────────────────────────────────────────────────────────────────────────


def _certificate(facts: Facts) -> Iterator[Problem]:
    days, ends = facts.certificate_days, facts.certificate_ends
    if days is None or ends is None or days >= _MONTH:
        return
    remedy = (
        "Put the new certificate and its key where [identity] names them: the sidecar takes them into use by itself, "
        "without a restart."
    )
    if days < 0:
        yield Problem(
            ERROR, f"The client certificate expired on {day(ends)}: FinHub refuses it.", CONFIGURATION, remedy
        )
        return
    left = "within a day" if days < _DAY else f"in {days} day{'s' if days > 1 else ''}"
    hurry = "Now: p" if days < _WEEK else "P"
    yield Problem(
        WARNING,
        f"The client certificate expires {left}, on {day(ends)}; without it FinHub refuses every request.",
        CONFIGURATION,
        f"{hurry}{remedy[1:]}",
    )


# ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────


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


# ── the process ─────────────────────────────────────────────────────────────────────────────────────────────────


def _going_down(facts: Facts) -> Iterator[Problem]:
    if facts.draining:
        yield Problem(
            WARNING,
            "The sidecar is going down: it finishes what runs and takes no new connections.",
            SIDECAR,
            "Nothing, if somebody stopped it on purpose; else see `draining` in the log for who did.",
        )


def _audit(facts: Facts) -> Iterator[Problem]:
    remedy = (
        "Make room on the disk where audit.file lies, or make the file writable; it is tried again every second, and "
        "the sidecar goes on by itself."
    )
    if facts.barred:
        yield Problem(ERROR, f"No request is carried, all get 503: {facts.barred}.", CONFIGURATION, remedy)
    elif facts.audit:
        yield Problem(
            WARNING,
            f"The audit trail cannot be written, and lines of it may be lost: {facts.audit}.",
            CONFIGURATION,
            remedy,
        )


def _reload(facts: Facts) -> Iterator[Problem]:
    if facts.broken is not None:
        yield Problem(
            WARNING,
            f"What was read again cannot be used, and what was in use stays: {facts.broken.detail}",
            CONFIGURATION,
            facts.broken.remedy,
        )


def _bugs(facts: Facts) -> Iterator[Problem]:
    if not facts.works:
        yield Problem(
            ERROR,
            "What renews the session, or reads files again, has ended: nothing is kept up to date any more.",
            SIDECAR,
            "Keep the log, and restart the sidecar: requests are served until the token's end only.",
        )
    if facts.bug is not None:
        yield Problem(
            WARNING,
            f"Something happened in the sidecar that should not be possible: {facts.bug.kind} in {facts.bug.where}",
            SIDECAR,
            "Report it with the log's line `unexpected failure`; the sidecar goes on.",
        )


# ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────


def clock(posix: float) -> str:
    """Return an instant as a person reads it on a clock in UTC."""
    return f"{datetime.fromtimestamp(posix, UTC):%H:%M:%S} UTC"


def day(posix: float) -> str:
    """Return an instant by its day in UTC."""
    return f"{datetime.fromtimestamp(posix, UTC):%Y-%m-%d %H:%M} UTC"
