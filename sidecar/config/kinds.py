"""The types of the configuration's keys: how each is checked, described to JSON Schema and read from the environment.

Pure: pydantic only. A `Kind` in an annotation is for us; pydantic passes over it.
"""

from __future__ import annotations

import enum
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from sidecar.config import addresses, fieldrules, refs, rules, values

_REFERENCE_SCHEMA: Final[dict[str, Any]] = {
    "description": "A reference to a secret, never the secret itself.",
    "oneOf": [
        {
            "type": "object",
            "properties": {"env": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}},
            "required": ["env"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {"file": {"type": "string", "minLength": 1}},
            "required": ["file"],
            "additionalProperties": False,
        },
    ],
}


@enum.unique
class Kind(enum.Enum):
    """What a key takes, in the words of the reference; the environment is read by it."""

    FLAG = "`true` or `false`"
    NUMBER = "number"
    WHOLE = "integer"
    SIZE = 'size: bytes, or `"1MiB"` (B, KiB, MiB, GiB)'
    TEXT = "string"
    FILE = "path"
    DIALECT = "name, or path of a dialect file"
    ADDRESS = '`"HOST:PORT"`, `"[IPv6]:PORT"` or `"unix:/PATH"`'
    ORIGIN = '`"https://HOST[:PORT]"`'
    LIST = "list"
    SECRET = '`{ env = "NAME" }` or `{ file = "PATH" }`'  # noqa: S105  # the form of a reference
    TABLE = "table"
    FIELDS = 'table of `{ value = "…", when = "…" }` or `{ remove = true }`'


def _sizes(least: int) -> WithJsonSchema:
    number = {"type": "integer", "minimum": least, "maximum": values.LARGEST}
    return WithJsonSchema({"oneOf": [number, {"type": "string", "pattern": "^[0-9]+ ?(B|KiB|MiB|GiB)?$"}]})


def _seconds(least: dict[str, int]) -> WithJsonSchema:
    return WithJsonSchema({"type": "number", **least, "maximum": values.LONGEST})


def _strings(**more: object) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **more})


Flag = Annotated[bool, Field(strict=True), Kind.FLAG]
Whole = Annotated[int, Field(strict=True), Kind.WHOLE]
Zero = Annotated[float, Field(strict=True, ge=0, le=0), Kind.NUMBER]
PositiveSeconds = Annotated[
    float, PlainValidator(values.positive_seconds), _seconds({"exclusiveMinimum": 0}), Kind.NUMBER
]
Seconds = Annotated[float, PlainValidator(values.seconds), _seconds({"minimum": 0}), Kind.NUMBER]
Size = Annotated[int, PlainValidator(values.size), _sizes(0), Kind.SIZE]
PositiveSize = Annotated[int, PlainValidator(values.positive_size), _sizes(1), Kind.SIZE]

Text = Annotated[str, PlainValidator(values.text), _strings(minLength=1), Kind.TEXT]
Visible = Annotated[str, PlainValidator(values.visible), _strings(pattern="^[!-~]([ -~]*[!-~])?$"), Kind.TEXT]
FilePath = Annotated[str, PlainValidator(values.text), _strings(minLength=1), Kind.FILE]
SocketMode = Annotated[str, PlainValidator(values.mode), _strings(pattern="^0?[0-7]{3}$"), Kind.TEXT]
SocketOwner = Annotated[
    str, PlainValidator(values.owner), _strings(pattern=r"^([^\s:]+(:[^\s:]+)?|:[^\s:]+)$"), Kind.TEXT
]
Dialect = Annotated[str, PlainValidator(values.text), _strings(minLength=1), Kind.DIALECT]
Target = Annotated[str, PlainValidator(values.target), _strings(pattern="^/"), Kind.TEXT]

ListenAddress = Annotated[addresses.Address, PlainValidator(addresses.address), _strings(), Kind.ADDRESS]
Origin = Annotated[str, PlainValidator(addresses.origin), _strings(pattern="^[Hh][Tt][Tt][Pp][Ss]?://"), Kind.ORIGIN]
Ip = Annotated[str, PlainValidator(addresses.ip), _strings(), Kind.TEXT]
SecretReference = Annotated[
    refs.SecretRef, PlainValidator(refs.reference), WithJsonSchema(_REFERENCE_SCHEMA), Kind.SECRET
]

_Host = Annotated[str, PlainValidator(addresses.allowed_host), _strings()]
_BrowserOrigin = Annotated[str, PlainValidator(addresses.browser_origin), _strings()]
_Peer = Annotated[addresses.Network, PlainValidator(addresses.network), _strings()]
_Pin = Annotated[str, PlainValidator(values.pin), _strings()]
_User = Annotated[str, PlainValidator(values.user), _strings(minLength=1)]
_Rule = Annotated[str, PlainValidator(rules.rule), _strings()]

# strict=False: TOML has lists where we keep tuples.
Hosts = Annotated[tuple[_Host, ...], Field(strict=False), Kind.LIST]
BrowserOrigins = Annotated[tuple[_BrowserOrigin, ...], Field(strict=False), Kind.LIST]
Peers = Annotated[tuple[_Peer, ...], Field(strict=False), Kind.LIST]
Rules = Annotated[tuple[_Rule, ...], Field(strict=False), AfterValidator(rules.some), Kind.LIST]
Pins = Annotated[tuple[_Pin, ...], Field(strict=False), Kind.LIST]
Users = Annotated[tuple[_User, ...], Field(strict=False), Kind.LIST]
Nothing = Annotated[tuple[str, ...], Field(strict=False, max_length=0), Kind.LIST]

FieldName = Annotated[str, PlainValidator(fieldrules.field_name), _strings()]
FieldValue = Annotated[str, PlainValidator(fieldrules.field_value), _strings(), Kind.TEXT]
