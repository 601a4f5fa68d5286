"""Scenarios: what goes wrong when, as a TOML file.

    [[step]]
    at = 60                                        seconds on the emulator's clock since the scenario began
    do = "expire"

    [[step]]
    api = 10                                       just before the tenth API call; so with login, refresh and logout
    fault = "api:status=429,retry_after=2,times=5"

Each step names one moment and one thing: `do` one of DEEDS, or `fault` a spec of `faults.py`. A step happens once.

Pure: `arrives` and `due` are told the time.
"""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from sidecar.emulator import faults
from sidecar.errors import ConfigError

CERTIFICATE: Final = "certificate-expired"
DEEDS: Final = ("expire", "revoke", "lockout", CERTIFICATE, "heal")
_MOST_STEPS: Final = 1000
_LATEST: Final = 366 * 86400.0
_HIGHEST_CALL: Final = 10**9
_MOMENTS: Final = ("at", *faults.SCOPES)
_KEYS: Final = (*_MOMENTS, "do", "fault")


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `scope` and `number` say before which call, `number` alone (scope "") after how many seconds.

    `deed` is one of DEEDS, or "" where `fault` is what happens.
    """

    scope: str
    number: float
    deed: str
    fault: faults.Fault | None


class Scenario:
    """The steps that have not happened yet, on a clock that began at `began`."""

    def __init__(self, steps: tuple[Step, ...], began: float) -> None:
        timed = sorted((step for step in steps if not step.scope), key=lambda step: step.number)
        self._timed = timed
        self._counted = [step for step in steps if step.scope]
        self._calls: Counter[str] = Counter()
        self._began = began

    def due(self, now: float) -> list[tuple[Step, float]]:
        """Return the steps whose time has come, each with the instant that it happens at; they are not due again."""
        over = [step for step in self._timed if self._began + step.number <= now]
        self._timed = self._timed[len(over) :]
        return [(step, self._began + step.number) for step in over]

    def arrives(self, scope: str) -> list[Step]:
        """Count a call, and return the steps that happen just before it."""
        if not self._counted:
            return []
        self._calls[scope] += 1
        found = [step for step in self._counted if (step.scope, step.number) == (scope, self._calls[scope])]
        self._counted = [step for step in self._counted if step not in found]
        return found


def parse(text: str) -> tuple[Step, ...]:
    """Return the steps of a scenario file; raises ConfigError that lists every problem, a line each."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(f"scenario: no TOML: {error}") from None
    steps = content.pop("step", [])
    if content or not isinstance(steps, list) or len(steps) > _MOST_STEPS:
        raise _wrong(f"scenario: takes [[step]] tables only, {_MOST_STEPS} at most")
    read, problems = [], []
    for number, table in enumerate(steps, 1):
        try:
            read.append(_step(table))
        except ValueError as error:
            problems.append(f"step {number}: {error}")
        except ConfigError as error:
            problems.append(f"step {number}: {error.detail}")
    if problems:
        raise _wrong("\n".join(problems))
    return tuple(read)


def _step(table: Any) -> Step:
    if not isinstance(table, dict):
        raise ValueError("takes a table")  # noqa: TRY004  # of the file: the line that tells it is made of a ValueError
    if strangers := sorted(set(table) - set(_KEYS)):
        raise ValueError(f"{strangers[0]!r} is none of {', '.join(_KEYS)}")
    moment = _one_of(table, _MOMENTS, "when")
    number = _seconds(table[moment]) if moment == "at" else _call(moment, table[moment])
    what = _one_of(table, ("do", "fault"), "what")
    scope = "" if moment == "at" else moment
    if what == "fault":
        return Step(scope, number, "", faults.parse(str(table["fault"])))
    if table["do"] not in DEEDS:
        raise ValueError(f"do takes one of {', '.join(DEEDS)}, found {table['do']!r}")
    return Step(scope, number, table["do"], None)


def _one_of(table: dict[str, Any], names: tuple[str, ...], question: str) -> str:
    found = [name for name in names if name in table]
    if len(found) != 1:
        raise ValueError(f"say {question} with one of {', '.join(names)}")
    return found[0]


def _seconds(value: object) -> float:
    # Infinity and NaN are TOML, too.
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and 0 <= value <= _LATEST
    ):
        return value
    raise ValueError(f"at takes seconds from 0 to {_LATEST:.0f}, found {value!r}")


def _call(scope: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _HIGHEST_CALL:
        return value
    raise ValueError(f"{scope} takes the number of a call, from 1, found {value!r}")


def _wrong(problems: str) -> ConfigError:
    return ConfigError(problems, remedy="Correct the steps named above; docs/testing.md shows scenarios.")
