"""The format of a dialect file, for programs as JSON Schema (2020-12) and for readers as tables.

Pure. Both are read off the models, so that neither can say what they do not take.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from sidecar.session.dialect import Dialect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sidecar.config.section import Member, Section

_SCHEMA: Final = "https://json-schema.org/draft/2020-12/schema"


def schema() -> str:
    """Return the JSON Schema of a dialect file, as text that ends with a line's end.

    It cannot tell which `{name}` may stand where; the sidecar does, with every other problem of the file.
    """
    described = {"$schema": _SCHEMA, "title": "finhub-sidecar dialect", **_object(Dialect)}
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def table() -> str:
    """Return what each key is for, as a table in Markdown for each table of the file."""
    return "\n".join(_tables()) + "\n"


def _object(section: type[Section]) -> dict[str, object]:
    members = _members(section)
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _property(member) for name, member in members.items()},
        "required": [name for name, member in members.items() if member.required],
    }


def _property(member: Member) -> dict[str, object]:
    kind, told = member.type, {"description": member.description}
    if kind.section is not None:
        return {**told, **_object(kind.section)}
    default = {} if not member.default else {"default": member.default}
    return {**told, **kind.schema, **default}


def _members(section: type[Section]) -> Mapping[str, Member]:
    """Return the keys that a file may have: a dialect's name is the file's own."""
    return {name: member for name, member in section.members.items() if (section, name) != (Dialect, "name")}


def _tables() -> Iterator[str]:
    yield from _rows("At the top", Dialect)
    for name, member in _members(Dialect).items():
        if member.type.section is not None:
            needed = "" if member.required else ", may be left out"
            yield from ("", *_rows(f"`[{name}]`{needed}", member.type.section))


def _rows(heading: str, section: type[Section]) -> Iterator[str]:
    yield from (f"### {heading}", "", "| key | what it is | without it |", "|---|---|---|")
    for name, member in _members(section).items():
        yield f"| `{name}` | {member.description} | {_without(member)} |"


def _without(member: Member) -> str:
    if member.required:
        return "must be given"
    default = member.default
    if not default or member.type.section is not None:
        return ""
    listed = list(default) if isinstance(default, tuple) and len(default) > 1 else default
    shown = listed[0] if isinstance(listed, tuple) else listed
    return f"`{json.dumps(shown)}`"
