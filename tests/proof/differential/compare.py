"""What is different between two outcomes of one step, once the differences on the list are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import differences
from differences import Fields, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bothsides import Compared, Outcome
    from messages import Message, Reply, Request
    from steps import Step


def faults(
    compared: Compared,
    *,
    by_us: Iterable[Refused] = differences.REFUSED_BY_US,
    by_nginx: Iterable[Refused] = differences.REFUSED_BY_NGINX,
    of_requests: Iterable[Fields] = differences.OF_REQUESTS,
    in_replies: Iterable[Fields] = differences.IN_REPLIES,
) -> list[str]:
    """Return a sentence for each difference that is not among those given; none when all is well."""
    step = compared.step
    ours, theirs = _statuses(by_us, step), _statuses(by_nginx, step)
    refused = _refusal_faults("the sidecar", compared.sidecar, ours) + _refusal_faults("nginx", compared.nginx, theirs)
    if refused or ours or theirs:
        return refused
    names = frozenset[bytes]().union(*(one.names(step) for one in of_requests))
    hidden = frozenset[bytes]().union(*(one.names(step) for one in in_replies))
    return _arrival_faults(compared, names) + _reply_faults(compared, hidden) + _untouched_faults(compared)


def _statuses(refusals: Iterable[Refused], step: Step) -> set[int]:
    return {status for refused in refusals if refused.applies(step) for status in refused.statuses}


def _refusal_faults(who: str, outcome: Outcome, statuses: set[int]) -> list[str]:
    """Return what is wrong with whether a step was refused: exactly those on the list are."""
    arrived = len(outcome.arrived)
    if outcome.reply is None:
        return [f"{who} did not answer ({arrived} arrived)"]
    if not statuses:
        return [] if arrived == 1 else [f"{who} answered {outcome.reply.status}, and {arrived} arrived"]
    if outcome.reply.status in statuses and not arrived:
        return []
    return [f"{who} was to refuse with {sorted(statuses)}: {outcome.reply.status}, and {arrived} arrived"]


# ── what arrived ────────────────────────────────────────────────────────────────────────────────────────────────


def _arrival_faults(compared: Compared, names: frozenset[bytes]) -> list[str]:
    (theirs,), (ours,) = compared.nginx.arrived, compared.sidecar.arrived
    pairs = {
        "method": (theirs.method, ours.method),
        "target": (theirs.target, ours.target),
        "host": (theirs.values("host"), ours.values("host")),
        "body": (theirs.body, ours.body),
        "length": (_length(theirs, compared.step, names), _length(ours, compared.step, names)),
        "fields": (_ordered(theirs, names), _ordered(ours, names)),
    }
    return _unequal("arrived", pairs)


def _length(request: Request, step: Step, names: frozenset[bytes]) -> list[bytes]:
    """Return the announced length; nginx announces one for a chunked body too, since it waits for the whole of it."""
    return [] if step.chunks or b"content-length" in names else request.values("content-length")


def _ordered(message: Message, left_out: frozenset[bytes]) -> list[tuple[bytes, bytes]]:
    """Return the fields in order, but for those left out; equal names are spelt as the first of them."""
    spelling: dict[bytes, bytes] = {}
    out = left_out | {b"host", b"content-length", b"transfer-encoding"}
    return [
        (spelling.setdefault(name.lower(), name), value) for name, value in message.fields if name.lower() not in out
    ]


# ── what came back ──────────────────────────────────────────────────────────────────────────────────────────────


def _reply_faults(compared: Compared, names: frozenset[bytes]) -> list[str]:
    theirs, ours = compared.nginx.reply, compared.sidecar.reply
    assert theirs is not None
    assert ours is not None
    pairs = {
        "status": (theirs.status, ours.status),
        "reason": (theirs.reason, ours.reason),
        "interim": (theirs.interim, ours.interim),
        "framing": (theirs.framing, ours.framing),
        "body": (theirs.body, ours.body),
        "fields": (_sorted(theirs, names), _sorted(ours, names)),
    }
    return _unequal("came back", pairs)


def _sorted(reply: Reply, left_out: frozenset[bytes]) -> list[tuple[bytes, bytes]]:
    """Return the fields by lower-case name, those of one name in order: nginx has its own order and spelling."""
    fields = [(name.lower(), value) for name, value in reply.fields if name.lower() not in left_out]
    return sorted(fields, key=lambda one: one[0])


def _untouched_faults(compared: Compared) -> list[str]:
    """Return what the sidecar changed in the reply: order and spelling too are the upstream's."""
    reply, answer = compared.sidecar.reply, compared.step.answer
    assert reply is not None
    sent = [(name, value) for name, value in answer.fields if name.lower() != b"connection"]
    out = {b"connection", b"content-length", b"transfer-encoding"}
    got = [(name, value) for name, value in reply.fields if name.lower() not in out]
    return _unequal("the reply's", {"fields": (sent, got), "reason": (answer.reason, reply.reason)})


def _unequal(where: str, pairs: dict[str, tuple[object, object]]) -> list[str]:
    return [
        f"{where} {what}: {_short(one)} and {_short(other)}" for what, (one, other) in pairs.items() if one != other
    ]


def _short(found: object) -> str:
    text = repr(found)
    return text if len(text) < 400 else f"{text[:400]}… ({len(text)})"
