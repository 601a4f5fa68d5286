"""Faults on demand: what goes wrong, where, and how often.

A spec is one line of text:

    SCOPE:ACTION[,ACTION…][,OPTION…]

    SCOPE   login | refresh | logout | api      which calls it meets
    ACTION  status=N[,retry_after=S]            answer N, in FinHub's error body
            garbage                             answer 200 with what is not JSON
            close                               close the connection without a byte of reply
            cut=N                               promise the whole body, close after N bytes of it
            delay=S                             wait S seconds first; goes with any of the others, or alone
    OPTION  path=GLOB                           only where the path matches
            times=N                             N times, then never again
            after=N                             let N calls pass unharmed first

Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable  # noqa: TC003  # a dataclass field's annotation
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from sidecar.errors import ConfigError

SCOPES: Final = ("login", "refresh", "logout", "api")
_MOST_FAULTS: Final = 100
_LONGEST_DELAY: Final = 3600.0
_EFFECTS: Final = ("status", "garbage", "close", "cut")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault; `delay` and `retry_after` in seconds, `cut` in bytes, `times` None for always."""

    spec: str
    scope: str
    status: int | None = None
    retry_after: int | None = None
    garbage: bool = False
    close: bool = False
    cut: int | None = None
    delay: float = 0.0
    path: str = "*"
    times: int | None = None
    after: int = 0

    def meets(self, scope: str, path: str) -> bool:
        """Tell whether a call of this scope and path is one of its own."""
        return self.scope == scope and fnmatchcase(path, self.path)

    def strikes(self, nth: int) -> bool:
        """Tell whether the nth call (from 1) that it meets is hit."""
        return nth > self.after and (self.times is None or nth <= self.after + self.times)


class Faults:
    """Those that hold now, in the order in which they came: the first that strikes is the one."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._met: list[int] = []

    @property
    def specs(self) -> tuple[str, ...]:
        """Return the specs, spent ones too."""
        return tuple(fault.spec for fault in self._faults)

    def add(self, fault: Fault) -> None:
        """Let `fault` hold from now on; raises ConfigError when there are too many."""
        if len(self._faults) >= _MOST_FAULTS:
            raise ConfigError(f"more than {_MOST_FAULTS} faults", remedy="Remove the faults that hold, then add more.")
        self.put(fault)

    def put(self, fault: Fault) -> None:
        """Let `fault` hold from now on, however many there are: for whoever has a bound of their own."""
        self._faults.append(fault)
        self._met.append(0)

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self._faults.clear()
        self._met.clear()

    def take(self, scope: str, path: str) -> Fault | None:
        """Return the fault that hits this call, and count the call for all that meet it up to there."""
        for index, fault in enumerate(self._faults):
            if fault.meets(scope, path):
                self._met[index] += 1
                if fault.strikes(self._met[index]):
                    return fault
        return None


def parse(spec: str) -> Fault:
    """Return the fault that `spec` describes; raises ConfigError that says what was found and what would be right."""
    scope, colon, rest = spec.partition(":")
    if not colon or scope not in SCOPES:
        raise _wrong(spec, f"begin with one of {', '.join(f'{name}:' for name in SCOPES)}")
    found = dict(_entry(spec, word) for word in rest.split(","))
    _check_together(spec, found)
    return Fault(spec=spec, scope=scope, **found)


def _entry(spec: str, word: str) -> tuple[str, Any]:
    name, _, text = word.strip().partition("=")
    if name not in _READERS:
        raise _wrong(spec, f"{name!r} is none of {', '.join(_READERS)}")
    try:
        return name, _READERS[name](text)
    except ValueError as error:
        raise _wrong(spec, f"{name} takes {error}") from None


def _check_together(spec: str, found: dict[str, object]) -> None:
    effects = [name for name in _EFFECTS if name in found]
    if len(effects) > 1:
        raise _wrong(spec, f"{' and '.join(effects)} cannot both happen")
    if not effects and "delay" not in found:
        raise _wrong(spec, f"say what happens: {', '.join((*_EFFECTS, 'delay'))}")
    if "retry_after" in found and "status" not in found:
        raise _wrong(spec, "retry_after goes with status=")


def _wrong(spec: str, why: str) -> ConfigError:
    return ConfigError(
        f"fault {spec!r}: {why}", remedy="Write it like login:status=500,times=5 or api:cut=100,path=/api/bytes/*."
    )


def _status(text: str) -> int:
    return _whole(text, 200, 599)


def _count(text: str) -> int:
    return _whole(text, 0, 10**9)


def _whole(text: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdigit() and low <= int(text[:12]) <= high):
        raise ValueError(f"a whole number from {low} to {high}, found {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= _LONGEST_DELAY:
        raise ValueError(f"seconds from 0 to {_LONGEST_DELAY:.0f}, found {text!r}")
    return value


def _glob(text: str) -> str:
    if not text.startswith(("/", "*")):
        raise ValueError(f"a path pattern that begins with / or *, found {text!r}")
    return text


def _nothing(text: str) -> bool:
    if text:
        raise ValueError(f"no value, found {text!r}")
    return True


_READERS: Final[dict[str, Callable[[str], object]]] = {
    "status": _status,
    "retry_after": _count,
    "garbage": _nothing,
    "close": _nothing,
    "cut": _count,
    "delay": _seconds,
    "path": _glob,
    "times": _count,
    "after": _count,
}
