"""The status page in a terminal: what `/status`, `/readyz` and `/history` tell, as lines.

Pure. What an older sidecar, or one that is about to end, does not tell is left out.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sidecar.cli.token_life import life_of, line_of
from sidecar.cli.words import count, distance, instant, latency, moment
from sidecar.observe.plain import plain, plain_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sidecar.cli.look import Look

_LABEL: Final = 13
_MINUTES: Final = 60
_EVENTS: Final = 5
_SOON: Final = 30
"""Days before its end from which on a certificate is worth a colour."""

_STATES: Final[Mapping[str, tuple[str, str]]] = {
    "EMPTY": ("", "there is no token yet"),
    "FRESH": ("ok", "the token is live"),
    "RENEWABLE": ("ok", "the token is live, and due to be renewed"),
    "EXPIRED": ("warning", "the token has run out"),
    "MINTING": ("", "a new token is being fetched"),
    "COOLING": ("warning", "the last try failed; the sidecar waits before the next one"),
    "BLOCKED": ("error", "FinHub rejected the login; the sidecar waits, so as not to lock the account"),
}
_BLOCKED_ON_THE_WAY: Final = "the proxy rejected its credentials; the sidecar waits, so as not to lock them"
_WHOSE: Final[Mapping[str, str]] = {
    "sidecar": "the sidecar's",
    "FinHub": "FinHub's",
    "configuration": "the configuration's, here",
    "network": "the network's, between here and FinHub",
}
_ERRORS: Final = (("upstream_errors", "FinHub's"), ("sidecar_errors", "the sidecar's"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a sidecar told: `/readyz` (whether, and why not), `/status`, and `/history`, empty where it tells none."""

    ready: bool
    reason: str
    status: Mapping[str, Any]
    history: Mapping[str, Any] = field(default_factory=dict)


def lines(told: Told, look: Look, now: float) -> list[str]:
    """Return the whole picture at `now` (POSIX seconds, by this machine's clock), for a terminal of that look."""
    now = instant(told.history.get("now")) or now
    return [*_head(told, look), "", *_facts(told, look, now), *_problems(told.status, look), *_events(told, look, now)]


# ── what is the matter ──────────────────────────────────────────────────────────────────────────────────────────


def _head(told: Told, look: Look) -> Iterator[str]:
    status = told.status
    who = [f"FinHub sidecar {status.get('version', '')}".strip(), status.get("environment"), status.get("listen")]
    yield look.paint("  ".join(str(each) for each in who if each), "strong")
    problems = _found(status)
    if any(each.get("severity") == "error" for each in problems) or not told.ready:
        yield f"{look.sign('error')} {look.paint('Not working', 'error')}: {plain(told.reason)}"
    elif problems:
        yield f"{look.sign('warning')} {look.paint('Working, with a warning', 'warning')}: {plain(told.reason)}"
    else:
        yield f"{look.sign('ok')} {look.paint('All is well', 'ok')}: {plain(told.reason)}"


def _problems(status: Mapping[str, Any], look: Look) -> Iterator[str]:
    problems = _found(status)
    if problems:
        yield from ("", look.paint("What is wrong", "strong"))
    for each in problems:
        whose = str(each.get("whose"))
        tone = "error" if each.get("severity") == "error" else "warning"
        whom = f"{each['tenant']}: " if each.get("tenant") else ""
        yield from _hung(f"{look.sign(tone)} ", "  ", plain_lines(f"{whom}{each.get('what')}"), look)
        yield from _hung("  Whose fault: ", "    ", plain(_WHOSE.get(whose, whose)), look)
        yield from _hung("  What to do: ", "    ", plain_lines(str(each.get("remedy"))), look)


def _found(status: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the problems that are told; of a sidecar that tells none, the error that `/status` always had."""
    failure = _part(status, "session").get("last_error")
    if "problems" in status or not failure:
        return status.get("problems") or ()
    return ({"severity": "warning", "what": failure["detail"], "whose": failure["error"], "remedy": failure["remedy"]},)


# ── what is known ───────────────────────────────────────────────────────────────────────────────────────────────


def _facts(told: Told, look: Look, now: float) -> Iterator[str]:
    status = told.status
    yield from _tenants(status.get("sessions") or (), look, now)
    yield from _session(_part(status, "session"), _part(told.history, "session"), look, now)
    yield from _fact("Certificate", _certificate(_part(status, "identity"), look, now), look)
    upstream, requests = _part(status, "upstream"), _part(status, "requests")
    busy = count(upstream.get("connections", 0), "connection")
    yield from _fact("FinHub", f"{plain(str(upstream.get('url')))}, {busy} in use", look)
    counts = (f"{requests.get(name, 0)} {words}" for name, words in _COUNTS.items())
    yield from _fact("Requests", ", ".join(counts), look)
    yield from _hour(told.history.get("slots") or (), look, now)


_COUNTS: Final = {"total": "in all", "in_flight": "in flight", "replays": "replayed", "refused": "refused"}


def _tenants(sessions: Sequence[Mapping[str, Any]], look: Look, now: float) -> Iterator[str]:
    """Yield a line for each of several tenants; the session below them is that of the first."""
    for index, session in enumerate(sessions):
        state = str(session.get("state"))
        ends = instant(session.get("expires_at"))
        until = "" if ends is None else f", token until {moment(ends, now)}"
        requests = _part(session, "requests")
        counts = f"{requests.get('total', 0)} requests, {requests.get('in_flight', 0)} in flight"
        days = _part(session, "identity").get("days_left", 1)
        certificate = f", {look.paint('certificate expired', 'error')}" if days < 0 else ""
        told = f"{plain(str(session.get('tenant')))}: {look.paint(state, _tone(state))}{until}{certificate}, {counts}"
        yield from _fact("" if index else "Tenants", told, look)


def _tone(state: str) -> str:
    return _STATES.get(state, ("", ""))[0]


def _session(session: Mapping[str, Any], more: Mapping[str, Any], look: Look, now: float) -> Iterator[str]:
    state = str(session.get("state"))
    tone, words = _STATES.get(state, ("", "a state that this version does not know"))
    if state == "BLOCKED" and _part(session, "last_error").get("status") == 0:
        words = _BLOCKED_ON_THE_WAY
    yield from _fact("Session", f"{look.paint(state, tone)}: {words}", look)
    life = life_of(session, more, now)
    if life is not None:
        yield " " * _LABEL + line_of(life, now, look.width - _LABEL, look.signs)
    named = (
        ("minted", more.get("minted_at")),
        ("renews", session.get("renew_at")),
        ("expires", session.get("expires_at")),
        ("next try", more.get("tries_at")),
    )
    times = [(name, at) for name, text in named if (at := instant(text)) is not None]
    if times:
        yield from _fact("", ", ".join(f"{name} {moment(at, now)} ({distance(at, now)})" for name, at in times), look)
    mints = _part(session, "mints")
    logins, refreshes = mints.get("login", 0), mints.get("refresh", 0)
    yield from _fact("", f"{count(logins, 'login')}, {count(refreshes, 'refresh', 'refreshes')}", look)


def _certificate(identity: Mapping[str, Any], look: Look, now: float) -> str:
    days, ends = identity.get("days_left"), instant(identity.get("not_after"))
    if days is None or ends is None:
        return "none is configured"
    tone = "error" if days < 1 else "warning" if days < _SOON else "ok"
    left = look.paint("expired" if days < 0 else f"{count(days, 'day')} left", tone)
    return f"{left}, until {moment(ends, now)} UTC, {plain(str(identity.get('subject')))}"


def _hour(slots: Sequence[Mapping[str, Any]], look: Look, now: float) -> Iterator[str]:
    """Yield the last hour: counts, and the requests of each minute as a bar; a minute that nobody saw is left blank."""
    if not slots:
        return
    requests = sum(slot.get("requests", 0) for slot in slots)
    wrong = ", ".join(f"{sum(slot.get(name, 0) for slot in slots)} {whose}" for name, whose in _ERRORS)
    slowest = [slot["p99"] for slot in slots if slot.get("p99") is not None]
    told = f"{count(requests, 'request')}; errors: {wrong}"
    yield from _fact("Last hour", f"{told}; p99 at worst {latency(max(slowest))}" if slowest else told, look)
    wide = min(_MINUTES, look.width - _LABEL)
    yield " " * _LABEL + _bars(_by_minute(slots, wide, now), look.signs.bars)


def _by_minute(slots: Sequence[Mapping[str, Any]], wide: int, now: float) -> list[int | None]:
    minutes: list[int | None] = [None] * wide
    for slot in slots:
        at = instant(slot.get("at"))
        index = -1 if at is None else wide - 1 - int((now - at) // 60)
        if 0 <= index < wide:
            minutes[index] = (minutes[index] or 0) + slot.get("requests", 0)
    return minutes


def _bars(numbers: Sequence[int | None], bars: str) -> str:
    highest = max((number or 0 for number in numbers), default=0) or 1
    steps = len(bars) - 1
    return "".join(" " if number is None else bars[-(-number * steps // highest)] for number in numbers).rstrip()


# ── what happened ───────────────────────────────────────────────────────────────────────────────────────────────


def _events(told: Told, look: Look, now: float) -> Iterator[str]:
    events = (told.history.get("events") or ())[-_EVENTS:]
    if events:
        yield from ("", look.paint("Last events (UTC)", "strong"))
    for each in reversed(events):
        at = instant(each.get("at")) or now
        members = ", ".join(f"{name}={value}" for name, value in (each.get("members") or {}).items())
        text = f"{each.get('event')}  {members}" if members else str(each.get("event"))
        begin = f"{moment(at, now)}  {look.paint(str(each.get('level')), str(each.get('level')))}  "
        yield begin + textwrap.shorten(plain(text), look.width - 20, placeholder=" ...")


# ── lines ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _part(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = of.get(name)
    return found if isinstance(found, dict) else {}


def _fact(label: str, text: str, look: Look) -> Iterator[str]:
    """Yield a label and what is said of it; `text` is printable already, since it may hold colours."""
    yield from _hung(label.ljust(_LABEL), " " * _LABEL, text, look)


def _hung(first: str, rest: str, text: str, look: Look) -> Iterator[str]:
    """Yield `text`, which is printable, in lines no wider than the terminal; words are never broken."""
    yield from textwrap.wrap(
        text or "-",
        look.width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
