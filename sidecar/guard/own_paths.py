"""The dialect's own login, refresh and logout paths, which no caller may use as it likes (invariant 9).

Pure. A caller's login would hand it our session token, its logout would end our session. Paths are compared in the
loosest reading that any server might give them: refusing a path that FinHub does not have costs nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sidecar.guard.refusal import Denied
from sidecar.guard.target import decoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WORD_ENDS: Final = re.compile(r"\{[^{}/]*\}|/")
_PLACEHOLDER: Final = re.compile(r"\{[^{}/]*\}")
# As many times as a chain of servers might decode; a bound, since every round could uncover one more escape.
_ROUNDS: Final = 3


class OwnCall(Denied):
    """403: a caller's own call of one of the session's paths. Who has an answer to it gives that instead.

    Attributes:
        methods: every method that an upstream may take it for, its own first.
        path: as it was asked for, not decoded.
    """

    rule = "login_endpoint"

    def __init__(self, methods: Sequence[str], path: str) -> None:
        super().__init__(
            self.rule,
            "This path logs the sidecar itself in or out (session.dialect), so callers may not use it.",
            remedy="Leave out logging in: every request through the sidecar is authenticated already.",
        )
        self.methods = tuple(methods)
        self.path = path


@dataclass(frozen=True, slots=True)
class OwnPaths:
    """The paths that are the session's own: a method (None: every method) and a pattern over the loose path each.

    A piece of each path is kept as a word: where nothing is escaped, a path that holds none of the words is none of
    them, and need not be read loosely.
    """

    patterns: tuple[tuple[str | None, re.Pattern[str]], ...]
    words: frozenset[str]

    @classmethod
    def build(cls, paths: Iterable[tuple[str | None, str]]) -> OwnPaths:
        """Return the patterns of `(method, path)` pairs; a `{placeholder}` in a path stands for one segment."""
        known = tuple(paths)
        return cls(
            patterns=tuple((method and method.upper(), pattern(path)) for method, path in known),
            words=frozenset(_word(path) for _, path in known),
        )

    def hold(self, methods: Sequence[str], path: str) -> bool:
        """Tell whether one of `methods` on `path` (not decoded yet) is the session's own."""
        if "%" not in path and path.isascii() and not self._may_be_one(path.lower()):
            return False
        spoken = {method.upper() for method in methods}
        reading = loose(path)
        return any((method is None or method in spoken) and own.fullmatch(reading) for method, own in self.patterns)

    def _may_be_one(self, path: str) -> bool:
        """Tell whether a path, ASCII in lower case and without escapes, could be one of ours in its loosest reading."""
        for word in self.words:  # noqa: SIM110  # this runs for every request, and any() costs more than the rest of it
            if word in path:
                return True
        return False


def loose(path: str) -> str:
    """Return the path in its loosest reading: decoded, case-folded, no `;params`, no empty or dot segments."""
    for _ in range(_ROUNDS):
        path = decoded(path)
    kept: list[str] = []
    for segment in path.replace("\\", "/").casefold().split("/"):
        bare = segment.partition(";")[0].strip()
        if bare == "..":
            del kept[-1:]
        elif bare not in {"", "."}:
            kept.append(bare)
    return "/".join(kept)


def has_one_reading(path: str) -> bool:
    """Tell whether every server reads the same path here, but for its capitals."""
    return path.isascii() and "%" not in path and f"/{loose(path)}" == path.casefold()


def pattern(path: str) -> re.Pattern[str]:
    """Return the expression for the loose readings of a path; a `{placeholder}` stands for one segment.

    An extension is let through, as some frameworks do.
    """
    literals = _PLACEHOLDER.split(path.casefold().strip("/"))
    return re.compile("[^/]+".join(re.escape(literal) for literal in literals) + r"(?:\.[^/]*)?")


def _word(path: str) -> str:
    """Return the last piece of a path, which stands in one segment of whatever matches its pattern."""
    return next((piece for piece in reversed(_WORD_ENDS.split(path.casefold())) if piece), "")
