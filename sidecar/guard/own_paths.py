"""The dialect's own login, refresh and logout paths, which no caller may use (invariant 9).

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

_PLACEHOLDER: Final = re.compile(r"\{[^{}/]*\}")
# As many times as a chain of servers might decode; a bound, since every round could uncover one more escape.
_ROUNDS: Final = 3


@dataclass(frozen=True, slots=True)
class OwnPaths:
    """The paths that are the session's own: a method (None: every method) and a pattern over the loose path each."""

    patterns: tuple[tuple[str | None, re.Pattern[str]], ...]

    @classmethod
    def build(cls, paths: Iterable[tuple[str | None, str]]) -> OwnPaths:
        """Return the patterns of `(method, path)` pairs; a `{placeholder}` in a path stands for one segment."""
        return cls(tuple((method and method.upper(), _pattern(path)) for method, path in paths))

    def admit(self, methods: Sequence[str], path: str) -> None:
        """Return unless one of `methods` on `path` (not decoded yet) is the session's own; then raise Denied (403)."""
        spoken = {method.upper() for method in methods}
        reading = loose(path)
        for method, pattern in self.patterns:
            if (method is None or method in spoken) and pattern.fullmatch(reading):
                raise Denied(
                    "login_endpoint",
                    "This path logs the sidecar itself in or out (session.dialect), so callers may not use it.",
                    remedy="Leave out logging in: every request through the sidecar is authenticated already.",
                )


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


def _pattern(path: str) -> re.Pattern[str]:
    """Return the expression for the loose readings of a path; an extension is let through, as some frameworks do."""
    literals = _PLACEHOLDER.split(path.casefold().strip("/"))
    return re.compile("[^/]+".join(re.escape(literal) for literal in literals) + r"(?:\.[^/]*)?")
