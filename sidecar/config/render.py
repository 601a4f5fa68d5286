"""The configuration written back: as effective TOML, as JSON Schema, as a sample and as the reference.

Nothing in here has a secret to show: a `Config` holds references only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import GenerateJsonSchema

from sidecar.config import toml
from sidecar.config.catalogue import Key, keys
from sidecar.config.fieldrules import VARIABLES
from sidecar.config.kinds import Kind
from sidecar.config.model import Config
from sidecar.config.reference import reference
from sidecar.config.sample import sample
from sidecar.redact import HIDDEN, is_secret_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import core_schema

    from sidecar.config.model import FieldRule

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


class _AsWritten(GenerateJsonSchema):
    """JSON Schema of the TOML as people write it: there is no null, and no key without which a file is wrong."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> dict[str, Any]:
        described = self.generate_inner(schema["schema"])
        default = schema.get("default")
        if default is None or "$ref" in described:
            return described
        return {**described, "default": toml.plain(default, Kind.TEXT)}

    def field_is_required(self, *_args: Any, **_kwargs: Any) -> bool:
        return False


def schema() -> str:
    """Return the JSON Schema (2020-12) of the file: sizes as integer or string, secrets as references."""
    described = Config.model_json_schema(schema_generator=_AsWritten)
    described = {"$schema": _DIALECT, **described, "title": "finhub-sidecar"}
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"
