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
from sidecar.config.section import Section
from sidecar.config.tenants import SECTIONS, ByField, Tenant
from sidecar.redact import HIDDEN, is_secret_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sidecar.config.section import Member

__all__ = ["reference", "sample", "schema", "show"]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def show(config: Config) -> str:
    """Return the effective configuration as TOML. Loaded again it is equal; secrets are references.

    Only a fixed value for a field whose name speaks of a secret is hidden, and then not equal any more.
    """
    return "\n".join(_lines(config)).lstrip("\n") + "\n"


def _lines(config: Config) -> Iterator[str]:
    yield from _tables(config, keys())
    for tenant in config.tenants:
        yield "\n[[tenants]]"
        yield from (_line(tenant, key) for key in catalogue.tenant_keys() if value_of(tenant, key) is not None)
        yield from _tables(tenant, (key for key in keys() if key.parts[0] in SECTIONS), "tenants.")


def _tables(of: Section, known: Iterable[Key], above: str = "") -> Iterator[str]:
    """Yield the tables of a configuration or of a tenant, whose headers begin with `above`."""
    heading: tuple[str, ...] = ()
    for key in known:
        if key.kind is Kind.FIELDS:
            yield f"\n[{above}fields]"
            rules: Mapping[str, FieldRule] = getattr(of, "fields")  # noqa: B009  # a configuration's or a tenant's
            yield from (toml.line(toml.quoted(name), _rule(name, rule)) for name, rule in rules.items())
        if key.kind in {Kind.TABLE, Kind.FIELDS, Kind.TENANTS}:
            continue
        if key.parts[:-1] != heading:
            heading = key.parts[:-1]
            yield f"\n[{above}{'.'.join(heading)}]"
        if value_of(of, key) is not None:
            yield _line(of, key)


def _line(of: Section, key: Key) -> str:
    value = value_of(of, key)
    return toml.line(key.parts[-1], toml.members(value) if isinstance(value, Section) else toml.plain(value, key.kind))


def value_of(of: Section, key: Key) -> object:
    """Return what a configuration, or a tenant, has for a key."""
    value: object = of
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
    tables = {each.__name__: _object(each) for each in (*map(section, catalogue.tables()), FieldRule, Tenant, ByField)}
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
    elif member.type.kind is Kind.TENANTS:
        told["items"] = reference
    elif member.default is not None:
        told["default"] = toml.plain(member.default, Kind.TEXT)
    if member.example is not None:
        told["examples"] = [member.example]
    return dict(sorted(told.items()))
