"""What is known of a running sidecar, and what is told of one thing that is wrong with it.

Pure: values alone. Instants are POSIX seconds, durations seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sidecar import errors
    from sidecar.events import Bug
    from sidecar.session.answer import Failure

ERROR: Final = "error"
WARNING: Final = "warning"


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
