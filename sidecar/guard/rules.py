"""`listen.allow`: which methods and paths callers may use, as "METHOD path-glob" rules.

Pure. `*` stands for one segment that is not empty, `**` for any number of them; "* /**" allows everything. Matching is
exact and case-sensitive on the path decoded once, so whatever is unusual matches nothing and is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final

from sidecar.errors import ConfigError
from sidecar.guard.refusal import Denied
from sidecar.guard.target import decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Rule = tuple[str, tuple[str, ...]]

_EVERYTHING: Final = ("*", ("**",))
_RULE: Final = re.compile(r"(\*|[!#$%&'+.^_`|~0-9A-Za-z-]+) +/(\S*)")
# An escaped dot, slash or backslash, however often it was escaped; and a percent sign that begins no escape.
TWO_MEANINGS: Final = re.compile(r"%(?:25)*(?:2e|2f|5c)|%(?![0-9a-f]{2})", re.IGNORECASE)
_REMEMBERED: Final = 512
_MEMORABLE: Final = 256
"""So many verdicts are kept, for no more than so many characters of method and path each."""
_REMEDY: Final = "Add a rule for this method and path to listen.allow if callers are meant to use it."


@dataclass(frozen=True, slots=True)
class AllowRules:
    """The rules of `listen.allow`: a method (or `*`) and the segments of a path glob each; empty allows everything.

    `remembered` says what `_allows` said of the last requests: callers ask for the same paths again and again.
    """

    rules: tuple[Rule, ...]
    remembered: Callable[[str, str], bool]

    @classmethod
    def build(cls, texts: Iterable[str]) -> AllowRules:
        """Return the rules, none when each of them allows everything; raise ConfigError when one cannot be read."""
        rules = tuple(_parse(text) for text in texts)
        if not rules:
            remedy = 'Write ["* /**"] to allow everything.'
            raise ConfigError("listen.allow: no rule at all would refuse every request.", remedy=remedy)
        if all(rule == _EVERYTHING for rule in rules):
            rules = ()
        return cls(rules, lru_cache(maxsize=_REMEMBERED)(partial(_allows, rules)))

    def admit(self, methods: Sequence[str], path: str) -> None:
        """Return if the rules allow each of `methods` on `path` (not decoded yet); else raise Denied (403)."""
        if not self.rules:
            return
        if "%" in path and TWO_MEANINGS.search(path):
            detail = "Under listen.allow a path holds no encoded dot, slash or backslash, and no broken escape."
            raise Denied("allow", detail, remedy="Send these characters of the path as they are.")
        for method in methods:
            memorable = len(method) + len(path) <= _MEMORABLE
            if not (self.remembered(method, path) if memorable else _allows(self.rules, method, path)):
                raise Denied("allow", "No rule of listen.allow allows this method and path.", remedy=_REMEDY)


def _allows(rules: tuple[Rule, ...], method: str, path: str) -> bool:
    """Tell whether one of `rules` allows `method` on `path` (not decoded yet)."""
    segments = tuple(decoded(path)[1:].split("/"))
    return any(rule in ("*", method) and matches(glob, segments) for rule, glob in rules)


def _parse(text: str) -> Rule:
    match = _RULE.fullmatch(text)
    segments = tuple(match[2].split("/")) if match else ()
    if match is None or any("*" in segment and segment not in {"*", "**"} for segment in segments):
        raise ConfigError(
            f"listen.allow: {text!r} is not a rule.", remedy='Write "METHOD /path", `*` for a whole segment.'
        )
    return match[1].upper(), segments


def matches(glob: Sequence[str], segments: Sequence[str]) -> bool:
    """Tell whether the segments of a path match the segments of a glob.

    Takes at most len(glob) · len(segments) steps: the caller chooses the path, and must not choose how long this runs.
    """
    here = there = 0
    retry: tuple[int, int] | None = None  # behind the last `**`, and how far it reaches
    while there < len(segments):
        if here < len(glob) and glob[here] == "**":
            retry = here, there
            here += 1
        elif here < len(glob) and (glob[here] == segments[there] or (glob[here] == "*" and segments[there])):
            here, there = here + 1, there + 1
        elif retry:
            retry = retry[0], retry[1] + 1
            here, there = retry[0] + 1, retry[1]
        else:
            return False
    return all(rest == "**" for rest in glob[here:])
