"""What is wrong with a configuration, one line per problem, and never the text of a secret.

Pure. Values raise `Unfit`; `build` collects `Problem`s and raises them together as one `ConfigError`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sidecar.errors import ConfigError
from sidecar.redact import is_secret_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LONGEST_SHOWN: Final = 60
_LONGEST_INTEGER: Final = 2**63
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
# bool before int: every bool is one.
_TYPE_NAMES: Final = (
    (bool, "true or false"),
    (str, "a string"),
    (int, "an integer"),
    (float, "a number"),
    (dict, "a table"),
    (list, "a list"),
    (tuple, "a list"),
)


class Unfit(ValueError):
    """A value that cannot be used. `found` is None where the value itself may be shown (`shown` decides)."""

    def __init__(self, expected: str, *, found: str | None = None) -> None:
        super().__init__(expected)
        self.expected = expected
        self.found = found


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to correct: the dotted key, what stands there, and what would be right. All three are safe to print."""

    key: str
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.key}: found {self.found}; expected {self.expected}"


def config_error(problems: Iterable[Problem], *, remedy: str | None = None) -> ConfigError:
    """Return the one error that names all `problems`, a line each, none twice."""
    return ConfigError("\n".join(dict.fromkeys(map(str, problems))), remedy=remedy)


def dotted(parts: Sequence[str | int]) -> str:
    """Return the key as people write it: `listen.allow[2]`; parts that are no bare TOML key are quoted."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE_KEY.fullmatch(part) else json.dumps(part))
    return text


def shown(key: str, value: object) -> str:
    """Return `value` for an error line, or only its type where it may be a secret, a container or too long to read."""
    if isinstance(value, (bool, int, float)) and not is_secret_key(key):
        return _number(value)
    if not isinstance(value, str) or is_secret_key(key):
        return type_name(value)
    # A URL with user information carries a password in what looks like a harmless key.
    if "@" in value:
        return "a string with an @ in it"
    short = value if len(value) <= _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + "…"
    return json.dumps(short, ensure_ascii=not short.isprintable())


def type_name(value: object) -> str:
    """Return what kind of TOML value this is, without the value."""
    return next((name for kind, name in _TYPE_NAMES if isinstance(value, kind)), "a date or a time")


def _number(value: float) -> str:
    # Python refuses to print integers of thousands of digits.
    return "a number beyond 64 bits" if abs(value) >= _LONGEST_INTEGER else json.dumps(value)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that `name` was most likely meant to be, or None."""
    import difflib  # noqa: PLC0415  # only who errs waits for it

    matches = difflib.get_close_matches(name[:_LONGEST_SHOWN], tuple(known), n=1)
    return matches[0] if matches else None


def one_of(names: Iterable[str]) -> str:
    """Return `a, b or c`."""
    *head, last = names
    return f"{', '.join(head)} or {last}" if head else last
