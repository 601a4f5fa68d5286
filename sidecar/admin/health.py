"""What a probe is told: alive, started, ready, each with its reason. Health is told, it never dials.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Health:
    """The answer to one probe: good or not, and why in a line."""

    good: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """What readiness depends on.

    Attributes:
        started: both listeners are open and the identity stands.
        draining: the process is going down.
        identity_in_date: the client certificate may still be presented; True where none is needed.
        token_alive: there is a token FinHub has not rejected and that has not expired.
        lazy: the session logs in when a caller comes.
        blocked: FinHub, or the proxy on the way to it, rejected the credentials.
        session: the session's word, for the reason.
        barred: why no request is carried whatever else holds, "" as a rule.
        tenant: whose of several this is, "" where there is one only.
    """

    started: bool
    draining: bool
    identity_in_date: bool
    token_alive: bool
    lazy: bool
    blocked: bool
    session: str
    barred: str = ""
    tenant: str = ""


def worst(each: Iterable[Vitals]) -> Vitals:
    """Return those of the first tenant that is not ready, of the first where all are; the lazy ones are not waited for.

    They log in when a caller comes: whether they can is nobody's but that caller's.
    """
    known = tuple(each)
    counted = known if len(known) == 1 else tuple(vitals for vitals in known if not vitals.lazy)
    if not counted:
        return replace(known[0], identity_in_date=True, blocked=False)
    return next((vitals for vitals in counted if not ready(vitals).good), counted[0])


def started(vitals: Vitals) -> Health:
    """Tell whether start-up is over. It never waits for a login: restarts would lock the account."""
    return Health(vitals.started, "started" if vitals.started else "starting")


def ready(vitals: Vitals) -> Health:
    """Tell whether a caller's request would be served now."""
    hindrance = _hindrance(vitals)
    if hindrance:
        return Health(good=False, reason=hindrance)
    if vitals.token_alive:
        return Health(good=True, reason="ready")
    if vitals.lazy and not vitals.blocked:
        return Health(good=True, reason="ready; logs in when a caller comes")
    return Health(good=False, reason=_of(vitals, f"no valid FinHub session ({vitals.session})"))


def _hindrance(vitals: Vitals) -> str:
    """Return why no request would be served whatever the session is, "" for no reason."""
    if not vitals.started:
        return "starting"
    if vitals.draining:
        return "draining"
    if not vitals.identity_in_date:
        return _of(vitals, "the client certificate is out of date")
    return vitals.barred


def _of(vitals: Vitals, reason: str) -> str:
    return f"{reason}, tenant {vitals.tenant}" if vitals.tenant else reason
