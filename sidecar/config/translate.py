"""pydantic's errors in our words: the key, what was found, what would be right.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sidecar.config import later
from sidecar.config.catalogue import keys, section, tables
from sidecar.config.finhub_side import FieldRule
from sidecar.config.problems import Problem, Unfit, dotted, nearest, one_of, shown, type_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from sidecar.config.merge import Path

_A_TABLE: Final = "a table (in a variable: a JSON object)"
_EXPECTED: Final = {
    "bool_type": "true or false",
    "dict_type": _A_TABLE,
    "float_type": "a number",
    "int_type": "a whole number",
    "model_type": _A_TABLE,
    "tuple_type": 'a list, such as ["a", "b"]',
}
_CONTAINERS: Final = {"dict_type", "model_type", "tuple_type"}


def problems(error: ValidationError) -> Iterator[Problem]:
    """Yield one problem for each error that pydantic found."""
    for details in error.errors(include_url=False):
        yield _problem(_location(details), details)


def broken(error: ValidationError) -> frozenset[Path]:
    """Return the paths of the keys that cannot be used: of a list the whole list, of a field its whole rule."""
    return frozenset(_key_path(_location(details)) for details in error.errors(include_url=False))


def _location(details: ErrorDetails) -> tuple[str | int, ...]:
    # pydantic marks an error about a mapping's key, not its value, by one more part.
    return tuple(part for part in details["loc"] if part != "[key]")


def _key_path(location: tuple[str | int, ...]) -> Path:
    names = tuple(part for part in location if isinstance(part, str))
    depth = 2 if names[:2] not in tables() else 3
    return names[:depth]


def _problem(location: tuple[str | int, ...], details: ErrorDetails) -> Problem:
    key = dotted(location)
    if details["type"] == "extra_forbidden":
        return _unknown(location)
    unfit = details.get("ctx", {}).get("error")
    found = (unfit.found if isinstance(unfit, Unfit) else None) or _found(key, details)
    return Problem(key, found, later.VALUES.get(key) or _expected(details, unfit))


def _found(key: str, details: ErrorDetails) -> str:
    # What stands in place of a table or list may be anything, a secret too.
    value = details["input"]
    return type_name(value) if details["type"] in _CONTAINERS else shown(key, value)


def _expected(details: ErrorDetails, unfit: object) -> str:
    if isinstance(unfit, Unfit):
        return unfit.expected
    if details["type"] == "literal_error":
        return str(details["ctx"]["expected"]).replace("'", '"')
    return _EXPECTED.get(details["type"]) or details["msg"].removeprefix("Input should be ")


def _unknown(location: tuple[str | int, ...]) -> Problem:
    *above, name = map(str, location)
    siblings = _siblings(tuple(above))
    near = nearest(name, siblings)
    beside = [dotted((*above, sibling)) for sibling in ([near] if near else siblings)]
    # A key of this very name in another table: it was written under the wrong header.
    elsewhere = () if near else [key.name for key in keys() if key.parts[-1] == name]
    return Problem(dotted(location), "an unknown key", one_of(elsewhere or beside))


def _siblings(above: Path) -> tuple[str, ...]:
    model = FieldRule if above[:1] == ("fields",) else section(above)
    return tuple(model.model_fields)
