"""Compares two reports of Autobahn's suite: each case must have ended in the same way on both ways."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Verdict(NamedTuple):
    """What the suite says of one case: of what was said back, of the end, and the code that the echo closed with."""

    behaviour: str
    ending: str
    code: int | None


def verdicts(index: Mapping[str, Mapping[str, Mapping[str, object]]]) -> dict[str, Verdict]:
    """Return the verdicts by case out of a report's `index.json`, which has one agent."""
    (cases,) = index.values()
    return {
        name: Verdict(str(case["behavior"]), str(case["behaviorClose"]), _code(case["remoteCloseCode"]))
        for name, case in cases.items()
    }


def differences(direct: Mapping[str, Verdict], ours: Mapping[str, Verdict]) -> Iterator[str]:
    """Yield a line for each case that ended otherwise through the sidecar, or on one way only."""
    for name in sorted({*direct, *ours}, key=_order):
        if direct.get(name) != ours.get(name):
            yield f"{name}: {_told(direct.get(name))} directly, {_told(ours.get(name))} through the sidecar"


def counted(cases: Mapping[str, Verdict]) -> str:
    """Return how many cases ended how."""
    counts = Counter(verdict.behaviour for verdict in cases.values())
    return ", ".join(f"{counts[word]} {word}" for word in sorted(counts))


def _order(name: str) -> list[int]:
    return [int(part) for part in name.split(".")]


def _told(verdict: Verdict | None) -> str:
    return "missing" if verdict is None else f"{verdict.behaviour}, {verdict.ending}, {verdict.code}"


def _code(value: object) -> int | None:
    return value if isinstance(value, int) else None
