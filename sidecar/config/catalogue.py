"""Every key that there is, read off the model: for the environment, for paths, for hints, samples and the reference.

Pure.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from sidecar.config.kinds import Kind
from sidecar.config.model import Config, Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `default` is None where there is none of the model's own; `choices` is empty where any text will do."""

    parts: tuple[str, ...]
    kind: Kind
    description: str
    default: object
    example: object
    choices: tuple[str, ...]

    @property
    def name(self) -> str:
        """The dotted key: `session.refresh.margin`."""
        return ".".join(self.parts)


@functools.cache
def keys() -> tuple[Key, ...]:
    """Return every key in the order of a TOML file; a sub-table stands before its own keys, sections are not named."""
    return tuple(key for key in _walk(Config, ()) if key.kind is not Kind.TABLE or len(key.parts) > 1)


@functools.cache
def tables() -> frozenset[tuple[str, ...]]:
    """Return the paths of all tables whose keys are fixed: sections and sub-tables, not `fields`."""
    return frozenset(key.parts for key in _walk(Config, ()) if key.kind is Kind.TABLE)


def section(parts: tuple[str, ...]) -> type[Section]:
    """Return the model of the table at this path; its docstring tells what the table is for."""
    model: type[Section] = Config
    for part in parts:
        model = model.model_fields[part].annotation  # type: ignore[assignment]  # `tables` names models only
    return model


def _walk(model: type[Section], above: tuple[str, ...]) -> Iterator[Key]:
    for name, info in sorted(model.model_fields.items(), key=_has_a_header):
        parts = (*above, name)
        yield _key(parts, info)
        if _is_table(info):
            yield from _walk(section(parts), parts)


def _has_a_header(field: tuple[str, FieldInfo]) -> bool:
    # In TOML a table's own keys end where the header of another table begins.
    return _is_table(field[1]) or Kind.FIELDS in field[1].metadata


def _is_table(info: FieldInfo) -> bool:
    return isinstance(info.annotation, type) and issubclass(info.annotation, Section)


def _key(parts: tuple[str, ...], info: FieldInfo) -> Key:
    marks = [mark for mark in _metadata(info) if isinstance(mark, Kind)]
    kind = Kind.TABLE if _is_table(info) else (*marks, Kind.TEXT)[0]
    example = info.examples[0] if info.examples else None
    default = None if info.is_required() or kind in {Kind.TABLE, Kind.FIELDS} else info.default
    return Key(parts, kind, info.description or "", default, example, _choices(info.annotation))


def _metadata(info: FieldInfo) -> Iterator[Any]:
    """Yield what the annotation carries, also of the `X` in `X | None`."""
    yield from info.metadata
    for option in get_args(info.annotation):
        yield from getattr(option, "__metadata__", ())


def _choices(annotation: Any) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return next(filter(None, map(_choices, get_args(annotation))), ())
