"""Every key that there is, read off the model: for the environment, for paths, for hints, samples and the reference.

Pure.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sidecar.config.kinds import Kind
from sidecar.config.model import Config, Section, Tenant
from sidecar.config.tenants import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sidecar.config.section import Member

_TABLES: Final = frozenset({Kind.TABLE, Kind.FIELDS, Kind.TENANTS})


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


@functools.cache
def tenant_keys() -> tuple[Key, ...]:
    """Return the keys of one of `[[tenants]]` that are not in a table of it."""
    return tuple(_key((name,), member) for name, member in Tenant.members.items() if name not in SECTIONS)


def section(parts: tuple[str, ...]) -> type[Section]:
    """Return the model of the table at this path; its docstring tells what the table is for."""
    model: type[Section] = Config
    for part in parts:
        model = model.members[part].type.section or model
    return model


def _walk(model: type[Section], above: tuple[str, ...]) -> Iterator[Key]:
    for name, member in sorted(model.members.items(), key=_has_a_header):
        parts = (*above, name)
        yield _key(parts, member)
        if member.type.kind is Kind.TABLE:
            yield from _walk(section(parts), parts)


def _has_a_header(named: tuple[str, Member]) -> bool:
    # In TOML a table's own keys end where the header of another table begins.
    return named[1].type.kind in _TABLES


def _key(parts: tuple[str, ...], member: Member) -> Key:
    kind = member.type.kind or Kind.TEXT
    default = None if kind in _TABLES else member.default
    return Key(parts, kind, member.description, default, member.example, member.type.choices)
