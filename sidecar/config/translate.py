"""What is wrong with the tables, in lines: the key, what was found, what would be right.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.config import later
from sidecar.config.catalogue import keys, section, tables
from sidecar.config.finhub_side import FieldRule
from sidecar.config.problems import Problem, dotted, nearest, one_of, shown
from sidecar.config.section import UnknownKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sidecar.config.merge import Path
    from sidecar.config.section import Fault, Faults, Place


def problems(error: Faults) -> Iterator[Problem]:
    """Yield one problem for each fault."""
    return map(_problem, error.faults)


def broken(error: Faults) -> frozenset[Path]:
    """Return the paths of the keys that cannot be used: of a list the whole list, of a field its whole rule."""
    return frozenset(_key_path(fault.place) for fault in error.faults)


def _key_path(place: Place) -> Path:
    names = tuple(part for part in place if isinstance(part, str))
    depth = 2 if names[:2] not in tables() else 3
    return names[:depth]


def _problem(fault: Fault) -> Problem:
    if isinstance(fault.unfit, UnknownKey):
        return _unknown(fault.place)
    key = dotted(fault.place)
    found = fault.unfit.found or shown(key, fault.value)
    return Problem(key, found, later.VALUES.get(key) or fault.unfit.expected)


def _unknown(place: Place) -> Problem:
    *above, name = map(str, place)
    siblings = _siblings(tuple(above))
    near = nearest(name, siblings)
    beside = [dotted((*above, sibling)) for sibling in ([near] if near else siblings)]
    # A key of this very name in another table: it was written under the wrong header.
    elsewhere = () if near else [key.name for key in keys() if key.parts[-1] == name]
    return Problem(dotted(place), "an unknown key", one_of(elsewhere or beside))


def _siblings(above: Path) -> tuple[str, ...]:
    model = FieldRule if above[:1] == ("fields",) else section(above)
    return tuple(model.members)
