"""The types of the configuration's keys: how each is checked, described to JSON Schema and read from the environment.

Pure.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sidecar.config import addresses, fieldrules, refs, rules, storing, values
from sidecar.config.problems import Unfit, one_of, type_name
from sidecar.config.section import Reading, Section, Type, all_of

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
Name = TypeVar("Name", bound=str)
AnySection = TypeVar("AnySection", bound=Section)

_A_TABLE: Final = "a table (in a variable: a JSON object)"
_A_LIST: Final = 'a list, such as ["a", "b"]'


def _place(key: str, of: Mapping[str, object], **more: object) -> dict[str, Any]:
    return {"additionalProperties": False, "properties": {key: of, **more}, "required": [key], "type": "object"}


_REFERENCE_SCHEMA: Final[dict[str, Any]] = {
    "oneOf": [
        _place("env", {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "type": "string"}),
        _place("file", {"minLength": 1, "type": "string"}),
        _place("credential", {"pattern": "^[A-Za-z0-9_.@:+-]{1,255}$", "type": "string"}),
        _place("keyring", {"pattern": "^.+/[^/]+$", "type": "string"}),
        _place(
            "command",
            {"items": {"type": "string"}, "maxItems": refs.MOST_WORDS, "minItems": 1, "type": "array"},
            timeout={"maximum": refs.LONGEST_TIMEOUT, "minimum": 0.1, "type": "number"},
            cache={"maximum": refs.LONGEST_CACHE, "minimum": 0, "type": "number"},
        ),
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
    OUTPUT = 'path, or `"-"` for stdout'
    DIALECT = "name, or path of a dialect file"
    ADDRESS = '`"HOST:PORT"`, `"[IPv6]:PORT"` or `"unix:/PATH"`'
    ORIGIN = '`"https://HOST[:PORT]"`'
    STORE = '`"memory"`, `"file:PATH"`, `"redis://HOST:PORT/DB"` …'
    PROXY = '`"http://HOST:PORT"`'
    LIST = "list"
    SECRET = "reference to a secret"  # noqa: S105  # what a key takes
    TABLE = "table"
    FIELDS = 'table of `{ value = "…", when = "…" }` or `{ remove = true }`'
    TENANTS = "list of tables (in a variable: a JSON list of objects)"


# ── made of others ──────────────────────────────────────────────────────────────────────────────────────────────


def maybe(of: Type[T]) -> Type[T | None]:
    """Return the type of a key that takes this, or is not set."""
    return Type(lambda value: None if value is None else of.read(value), of.kind, of.schema, of.choices)


def choice(*names: Name) -> Type[Name]:
    """Return the type of a key that takes one of a few words."""
    expected = one_of(f'"{name}"' for name in names)
    by_name = {str(name): name for name in names}

    def read(value: object) -> Name:
        if not isinstance(value, str) or value not in by_name:
            raise Unfit(expected)
        return by_name[value]

    schema = {"enum": list(names)} if len(names) > 1 else {"const": names[0]}
    return Type(read, Kind.TEXT, {**schema, "type": "string"}, names)


def whole(least: int, most: int) -> Type[int]:
    """Return the type of a whole number between two."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Unfit("a whole number")
        if value < least:
            raise Unfit(f"greater than or equal to {least}")
        if value > most:
            raise Unfit(f"less than or equal to {most}")
        return value

    return Type(read, Kind.WHOLE, {"type": "integer", "minimum": least, "maximum": most})


def table(section: type[AnySection]) -> Type[AnySection]:
    """Return the type of a table with these keys."""

    def read(value: object) -> AnySection:
        return value if isinstance(value, section) else section.read(_table(value))

    return Type(read, Kind.TABLE, section=section)


def optional(section: type[AnySection]) -> Type[AnySection | None]:
    """Return the type of a table that need not be there."""
    of = table(section)
    return Type(lambda value: None if value is None else of.read(value), of.kind, section=section)


def tables(section: type[AnySection]) -> Type[tuple[AnySection, ...]]:
    """Return the type of a list of tables with these keys."""
    one = table(section)

    def read(value: object) -> tuple[AnySection, ...]:
        return tuple(all_of(one.read, enumerate(_entries(value))).values())

    return Type(read, Kind.TENANTS, {"type": "array"}, section=section)


def by_field(section: type[AnySection]) -> Type[Mapping[str, AnySection]]:
    """Return the type of a table with any header fields for keys, and such a table for each."""
    one = table(section)

    def read(value: object) -> Mapping[str, AnySection]:
        reading = Reading()
        read = {
            reading.take(fieldrules.field_name, name, name): reading.take(one.read, rule, name)
            for name, rule in _table(value).items()
        }
        reading.end()
        return MappingProxyType(read)

    return Type(read, Kind.FIELDS, {"type": "object"}, section=section)


def _table(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise Unfit(_A_TABLE, found=type_name(value))
    return value


def _entries(value: object) -> list[object] | tuple[object, ...]:
    # TOML has lists where we keep tuples.
    if not isinstance(value, (list, tuple)):
        raise Unfit(_A_LIST, found=type_name(value))
    return value


def list_of(item: Callable[[object], T], **schema: object) -> Type[tuple[T, ...]]:
    """Return the type of a list of such texts."""

    def read(value: object) -> tuple[T, ...]:
        return tuple(all_of(item, enumerate(_entries(value))).values())

    return Type(read, Kind.LIST, {"type": "array", "items": {**schema, "type": "string"}})


def _sizes(read: Callable[[object], int], least: int) -> Type[int]:
    number = {"maximum": values.LARGEST, "minimum": least, "type": "integer"}
    return Type(read, Kind.SIZE, {"oneOf": [number, {"pattern": "^[0-9]+ ?(B|KiB|MiB|GiB)?$", "type": "string"}]})


def _seconds(read: Callable[[object], float], **least: int) -> Type[float]:
    return Type(read, Kind.NUMBER, {"type": "number", **least, "maximum": values.LONGEST})


def _strings(read: Callable[[object], T], kind: Kind, **more: object) -> Type[T]:
    return Type(read, kind, {"type": "string", **more})


# ── as they are ─────────────────────────────────────────────────────────────────────────────────────────────────


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Unfit("true or false")
    return value


def _rate(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not (value == 0 or 0.01 <= value <= 100_000):  # noqa: PLR2004  # as the schema says
        raise Unfit("0, or 0.01 to 100000")
    return float(value)


FLAG: Final = Type(_flag, Kind.FLAG, {"type": "boolean"})
RATE: Final = Type(_rate, Kind.NUMBER, {"type": "number", "minimum": 0, "maximum": 100_000})
POSITIVE_SECONDS: Final = _seconds(values.positive_seconds, exclusiveMinimum=0)
SECONDS: Final = _seconds(values.seconds, minimum=0)
SIZE: Final = _sizes(values.size, 0)
POSITIVE_SIZE: Final = _sizes(values.positive_size, 1)

TEXT: Final = _strings(values.text, Kind.TEXT, minLength=1)
VISIBLE: Final = _strings(values.visible, Kind.TEXT, pattern="^[!-~]([ -~]*[!-~])?$")
FILE: Final = _strings(values.text, Kind.FILE, minLength=1)
OUTPUT: Final = _strings(values.text, Kind.OUTPUT, minLength=1)
SHARE: Final = Type(values.share, Kind.NUMBER, {"type": "number", "minimum": 0, "maximum": 1})
SOCKET_MODE: Final = _strings(values.mode, Kind.TEXT, pattern="^0?[0-7]{3}$")
SOCKET_OWNER: Final = _strings(values.owner, Kind.TEXT, pattern=r"^([^\s:]+(:[^\s:]+)?|:[^\s:]+)$")
DIALECT: Final = _strings(values.text, Kind.DIALECT, minLength=1)
TARGET: Final = _strings(values.target, Kind.TEXT, pattern="^/")
FIELD_VALUE: Final = _strings(fieldrules.field_value, Kind.TEXT)

LISTEN_ADDRESS: Final = _strings(addresses.address, Kind.ADDRESS)
ORIGIN: Final = _strings(addresses.origin, Kind.ORIGIN, pattern="^[Hh][Tt][Tt][Pp][Ss]?://")
PROXY: Final = _strings(addresses.proxy, Kind.PROXY, pattern="^[Hh][Tt][Tt][Pp]://")
STORE: Final = _strings(storing.store, Kind.STORE, pattern="^(memory|file:.+|rediss?(\\+(sentinel|cluster))?://.+)$")
STORE_PREFIX: Final = _strings(storing.prefix, Kind.TEXT, pattern="^[A-Za-z0-9._:-]{1,100}$")
LEASE: Final = Type(storing.lease, Kind.NUMBER, {"type": "number", "minimum": 1, "maximum": 60})
IP: Final = _strings(addresses.ip, Kind.TEXT)
SECRET: Final[Type[refs.SecretRef]] = Type(refs.reference, Kind.SECRET, _REFERENCE_SCHEMA)

_RULES: Final = list_of(rules.rule)
RULES: Final = Type(lambda value: rules.some(_RULES.read(value)), _RULES.kind, _RULES.schema)
PROTOCOLS: Final = list_of(choice("websocket").read, const="websocket")
HOSTS: Final = list_of(addresses.allowed_host)
BROWSER_ORIGINS: Final = list_of(addresses.browser_origin)
PEERS: Final = list_of(addresses.network)
PINS: Final = list_of(values.pin)
USERS: Final = list_of(values.user, minLength=1)
