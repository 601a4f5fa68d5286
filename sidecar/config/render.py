"""The configuration written back: as effective TOML, as JSON Schema, as a sample and as the reference.

Nothing in here has a secret to show: a `Config` holds references only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from sidecar.config import catalogue, toml
from sidecar.config.catalogue import Key, keys, section
from sidecar.config.fieldrules import VARIABLES
from sidecar.config.finhub_side import FieldRule
from sidecar.config.kinds import Kind
from sidecar.config.model import Config
from sidecar.config.reference import reference
from sidecar.config.sample import sample
from sidecar.redact import HIDDEN, is_secret_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sidecar.config.section import Member, Section

__all__ = ["reference", "sample", "schema", "show"]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def show(config: Config) -> str:
    """Return the effective configuration as TOML. Loaded again it is equal; secrets are references.

    Only a fixed value for a field whose name speaks of a secret is hidden, and then not equal any more.
    """
    return "\n".join(_lines(config)).lstrip("\n") + "\n"


def _lines(config: Config) -> Iterator[str]:
    heading: tuple[str, ...] = ()
    for key in keys():
        if key.kind is Kind.TABLE:
            continue
        if key.kind is Kind.FIELDS:
            yield "\n[fields]"
            yield from (toml.line(toml.quoted(name), _rule(name, rule)) for name, rule in config.fields.items())
            continue
        above = key.parts[:-1]
        if above != heading:
            heading = above
            yield f"\n[{'.'.join(above)}]"
        value = value_of(config, key)
        if value is not None:
            yield toml.line(key.parts[-1], toml.plain(value, key.kind))


def value_of(config: Config, key: Key) -> object:
    """Return what a configuration has for a key."""
    value: object = config
    for part in key.parts:
        value = getattr(value, part)
    return value


def _rule(name: str, rule: FieldRule) -> dict[str, object]:
    table = toml.rule(rule)
    if is_secret_key(name) and rule.value is not None and rule.value not in VARIABLES:
        table["value"] = HIDDEN
    return table


# ── JSON Schema ─────────────────────────────────────────────────────────────────────────────────────────────────


def schema() -> str:
    """Return the JSON Schema (2020-12) of the file: sizes as integer or string, secrets as references.

    It is of the TOML as people write it: there is no null, and no key without which a file is wrong.
    """
    tables = {each.__name__: _object(each) for each in (*map(section, catalogue.tables()), FieldRule)}
    whole = {**_object(Config), "title": "finhub-sidecar"}
    described = {"$schema": _DIALECT, "$defs": dict(sorted(tables.items())), **whole}
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def _object(table: type[Section]) -> dict[str, object]:
    return {
        "additionalProperties": False,
        "description": table.__doc__,
        "properties": {name: _property(name, member) for name, member in table.members.items()},
        "title": table.__name__,
        "type": "object",
    }


def _property(name: str, member: Member) -> dict[str, object]:
    table = member.type.section
    reference: dict[str, object] = {"$ref": f"#/$defs/{table.__name__}"} if table else {}
    if table and member.type.kind is Kind.TABLE:
        also = member.description not in {"", table.__doc__}
        return {**reference, "description": member.description} if also else reference
    told: dict[str, object] = {
        **member.type.schema,
        "title": name.replace("_", " ").title(),
        "description": member.description,
    }
    if member.type.kind is Kind.FIELDS:
        told["additionalProperties"] = reference
    elif member.default is not None:
        told["default"] = toml.plain(member.default, Kind.TEXT)
    if member.example is not None:
        told["examples"] = [member.example]
    return dict(sorted(told.items()))
