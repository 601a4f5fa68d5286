"""What is wrong now, whose fault it is, and what to do about it: for the one who is called at night.

Pure. From values that the assembly hands in; instants are POSIX seconds, durations seconds.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sidecar.app.blame import CONFIGURATION, FINHUB, SIDECAR, whose
from sidecar.app.facts import ERROR, WARNING, Problem
from sidecar.app.request_problems import of_requests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sidecar.app.facts import Facts
    from sidecar.session.answer import Failure

STUCK: Final = 20.0
"""Seconds after which a session without a token is nothing that passes: the longest nap, and some."""

_SLOW: Final = 3.0
"""Seconds after which a login that is not answered is worth a word."""

_DAY, _WEEK, _MONTH = 1, 7, 30


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
    yield from of_requests(facts)
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
