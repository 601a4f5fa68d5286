"""`FINHUB_<SECTION>__<KEY>`: the configuration's keys as environment variables.

Pure: the environment is a mapping. Numbers, `true` and `false` are read as in TOML, lists and tables as JSON. The
variable of a secret *is* the secret, so that its value is never looked at here: it becomes a reference. With one of
`_FILE`, `_CREDENTIAL`, `_KEYRING` and `_COMMAND` at its end a variable says where the secret is instead.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sidecar.config.catalogue import Key, keys
from sidecar.config.kinds import Kind
from sidecar.config.later import NOT_AVAILABLE, is_later
from sidecar.config.merge import Table, overlay
from sidecar.config.problems import Problem, dotted, nearest
from sidecar.config.refs import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_PREFIX: Final = "FINHUB_"
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_FLAGS: Final = {"true": True, "false": False}


@dataclass(slots=True)
class Overrides:
    """What the environment says: a layer of tables, the variable behind each dotted key, and what is wrong with it."""

    data: Table = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read(environ: Mapping[str, str]) -> Overrides:
    """Return the overrides in an environment. Variables that are not of the form above are not ours."""
    overrides = Overrides()
    ours = [name for name in environ if is_ours(name)]
    overrides.problems += [_unknown(name) for name in ours if name not in _variables()]
    overrides.problems += _doubled(ours)
    # Whole tables first: the variable of a single key wins over its table's.
    for name in sorted((name for name in ours if name in _variables()), key=lambda name: name.count("__")):
        _apply(overrides, name, environ[name])
    return overrides


def variable(key: Key) -> str:
    """Return the variable that sets this key."""
    return _PREFIX + "__".join(key.parts).upper()


def place_variables(key: Key) -> dict[str, str]:
    """Return the variables that say where this secret is, and of each the kind of reference that it makes."""
    return {f"{variable(key)}_{kind.upper()}": kind for kind in KINDS if kind != "env"}


@functools.cache
def _variables() -> dict[str, Key]:
    named = {variable(key): key for key in keys()}
    return named | {name: key for key in keys() if key.kind is Kind.SECRET for name in place_variables(key)}


def is_ours(name: str) -> bool:
    """Tell whether a variable is, or was meant to be, one of the configuration's."""
    return name.startswith(_PREFIX) and ("__" in name.removeprefix(_PREFIX) or name in _variables())


def _unknown(name: str) -> Problem:
    if any(is_later(_dotted(spelling)) for spelling in (name, name.removesuffix("_FILE"))):
        return Problem(_printable(name), f"a variable that is {NOT_AVAILABLE}", "no such variable")
    near = nearest(name, _variables())
    return Problem(_printable(name), "a variable that names no key", near or f"{_PREFIX}<SECTION>__<KEY>")


def _dotted(name: str) -> str:
    return name.removeprefix(_PREFIX).lower().replace("__", ".")


def _printable(name: str) -> str:
    return name if name.isprintable() else json.dumps(name)


def _doubled(names: list[str]) -> Iterator[Problem]:
    for key in keys():
        given = [name for name in (variable(key), *place_variables(key)) if name in names]
        if key.kind is Kind.SECRET and len(given) > 1:
            yield Problem(key.name, f"both {' and '.join(given)}", "one of them")


def _apply(overrides: Overrides, name: str, text: str) -> None:
    key = _variables()[name]
    value = _value(key, name, text)
    *above, last = key.parts
    layer: Table = {last: value}
    for part in reversed(above):
        layer = {part: layer}
    overrides.data = overlay(overrides.data, layer)
    overrides.sources |= dict.fromkeys(_set_by(key, value), name)


def _value(key: Key, name: str, text: str) -> object:
    if key.kind is Kind.SECRET:
        return {"env": name} if name == variable(key) else _place(place_variables(key)[name], text)
    return _READERS.get(key.kind, str)(text)


def _place(kind: str, text: str) -> dict[str, object]:
    """Return the reference in a variable's text; a command is its words as JSON, or the whole table."""
    if kind != "command":
        return {kind: text}
    words = _json(text)
    return words if isinstance(words, dict) else {kind: words}


def _set_by(key: Key, value: object) -> list[str]:
    """Return the dotted keys that a variable sets: of a table only those that it names."""
    if key.kind in {Kind.TABLE, Kind.FIELDS} and isinstance(value, dict):
        return [dotted((*key.parts, part)) for part in value]
    return [key.name]


def _flag(text: str) -> object:
    return _FLAGS.get(text.lower(), text)


def _whole(text: str) -> object:
    return int(text) if _WHOLE.fullmatch(text) else text


def _number(text: str) -> object:
    with contextlib.suppress(ValueError):
        return float(text)
    return text


def _json(text: str) -> object:
    # RecursionError: brackets nested thousands deep.
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(text)
    return text


# What cannot be read stays a text: the model then says what would be right.
_READERS: Final[Mapping[Kind, Callable[[str], object]]] = {
    Kind.FLAG: _flag,
    Kind.WHOLE: _whole,
    Kind.SIZE: _whole,
    Kind.NUMBER: _number,
    Kind.LIST: _json,
    Kind.TABLE: _json,
    Kind.FIELDS: _json,
    Kind.TENANTS: _json,
}
