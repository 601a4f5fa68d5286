"""What must hold after every step, whatever went wrong: a sentence for each thing that does not.

Pure.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chaos.caller import HUNG, judge
from chaos.story import Door

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chaos.caller import Heard
    from chaos.story import Step
    from chaos.wiretap import Head

    from sidecar.emulator.seen import Seen

LATE: Final = 0.8
"""Seconds that may pass between the choice of a token and its request's coming by: a connection has to be made."""

_MOST_SAFE: Final = 4  # an attempt and its replay, each once more for a dead connection
_OURS: Final = frozenset({"408", "502", "503", "504"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One step as all sides saw it.

    Attributes:
        heard: what callers asked and got.
        sent: what the sidecar put on the wire, read on the way.
        seen: what FinHub had on record.
        dead: fingerprint of each token that the sidecar knew to be dead, and since when; empty where nobody can tell.
    """

    step: Step
    heard: Sequence[Heard]
    sent: Sequence[Head]
    seen: Sequence[Seen]
    tenant: str
    dead: Mapping[str, float]


def complaints(scene: Scene) -> list[str]:
    """Return what does not hold; none when all is well."""
    found = [*_tokenless(scene), *_doubled(scene), *_dead(scene)]
    for each in scene.heard:
        found += [f"{each.ask.name}: {words}" for words in _about(scene, each) if words]
    return found


# ── what went to FinHub ─────────────────────────────────────────────────────────────────────────────────────────


def _tokenless(scene: Scene) -> Iterator[str]:
    for head in scene.sent:
        if len(head.tokens) != 1 or len(head.tokens[0]) < 100:  # a JWT is longer than anything else
            yield f"tokenless: {head.name} had {len(head.tokens)} Authorization fields, or not ours"
        if head.tenants != (scene.tenant,):
            yield f"tenant: {head.name} named {head.tenants}"


def _dead(scene: Scene) -> Iterator[str]:
    if scene.step.is_slow:
        return
    for head in scene.sent:
        late = head.at - scene.dead.get(head.fingerprint, head.at)
        if late > LATE:
            yield f"tokenless: {head.name} went with a token that had been dead for {late:.2f} s"


def _doubled(scene: Scene) -> Iterator[str]:
    """Count arrivals per request: what changes something may come again only after FinHub's own 401."""
    refused = Counter(_name(each) for each in scene.seen if each.status == 401)  # a status
    methods = {head.name: head.method for head in scene.sent}
    for name, count in Counter(head.name for head in scene.sent).items():
        most = _MOST_SAFE if methods[name] in {"GET", "HEAD"} else min(2, 1 + refused[name])
        if count > most:
            yield f"doubled: {methods[name]} {name} was sent {count} times, {refused[name]} were refused"


# ── what a caller got ───────────────────────────────────────────────────────────────────────────────────────────


def _about(scene: Scene, heard: Heard) -> Iterator[str]:
    yield "hung: neither an answer nor an end" if heard.got.error == HUNG else ""
    if scene.step.garbles:
        return
    seen = [each for each in scene.seen if _name(each) == heard.ask.name]
    yield from _about_execution(heard, seen)
    yield from _about_bodies(heard, seen)
    yield from _about_status(scene, heard, seen)
    if heard.got.is_whole and heard.got.status == 200 and not _is_blind(scene, heard):  # a status
        yield _content(heard)


def _about_execution(heard: Heard, seen: list[Seen]) -> Iterator[str]:
    done = sum(each.status == 200 for each in seen)  # a status
    if not heard.ask.is_safe:
        yield f"doubled: done {done} times" if done > 1 else ""
        yield "doubled: FinHub said 409" if any(each.status == 409 for each in seen) else ""  # a status
    yield "invented: 200, but FinHub did nothing" if _succeeded(heard) and not done else ""


def _about_bodies(heard: Heard, seen: list[Seen]) -> Iterator[str]:
    """FinHub must not have taken a part of a body for the whole."""
    taken = [each for each in seen if each.status == 200 and each.fault is None]  # a status
    if heard.ask.digest is not None and any(each.body_sha256 != heard.ask.digest for each in taken):
        yield "truncated: FinHub took another body"


def _about_status(scene: Scene, heard: Heard, seen: list[Seen]) -> Iterator[str]:
    got = heard.got
    if got.status == 401 and (not any(each.status == 401 for each in seen) or "proxy-status" in got.fields):  # a status
        yield "401 that FinHub did not say"
    if "proxy-status" in got.fields and got.is_whole:
        allowed = _OURS | {"400"} if scene.step.door is Door.CALLER else _OURS
        yield "" if str(got.status) in allowed else f"a refusal of ours with {got.status}: {got.body[:300]!r}"


def _content(heard: Heard) -> str:
    words = judge(heard.ask, heard.got)
    return f"truncated or mixed up: a whole 200 with {words}" if words else ""


def _is_blind(scene: Scene, heard: Heard) -> bool:
    """Tell whether this caller cannot know: HTTP/1.0 ends a body by ending the connection, as the relay did.

    FinHub's own garbage is FinHub's word.
    """
    return (heard.ask.version == "1.0" and scene.step.door is Door.CALLER) or "garbage" in scene.step.word


def _succeeded(heard: Heard) -> bool:
    return heard.got.is_whole and heard.got.status == 200  # a status


def _name(seen: Seen) -> str:
    return ", ".join(seen.values("X-Request-ID"))
