"""The rules of `listen.allow`: which methods on which paths a caller may use.

Pure. Here only their form is checked; `guard/rules.py` gives them their meaning.
"""

from __future__ import annotations

import re
from typing import Final

from sidecar.config.problems import Unfit

RULE_FORM: Final = '"METHOD /PATH", such as "GET /api/**"; * for any method or one whole segment, ** for any number'
# Paths only: no query, no fragment. An asterisk is a whole segment, or two of them are.
_SEGMENT: Final = r"(?:\*\*?|[!\"$-)+-.0->@-~]*)"
_RULE: Final = re.compile(rf"(\*|[A-Za-z][A-Za-z0-9_-]*) (/{_SEGMENT}(?:/{_SEGMENT})*)", re.ASCII)


def rule(value: object) -> str:
    """Return a rule `METHOD path-glob`, the method in capitals."""
    match = _RULE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Unfit(RULE_FORM)
    return f"{match[1].upper()} {match[2]}"


def some(value: tuple[str, ...]) -> tuple[str, ...]:
    """Return rules, at least one: with none every request would be refused."""
    if not value:
        raise Unfit('at least one rule, such as "* /**"', found="an empty list")
    return value
