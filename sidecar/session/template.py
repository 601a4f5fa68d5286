"""One call of a dialect with `{name}` references where its values will stand, and what may stand in one.

Pure. The models are the schema of a dialect file too; docs/dialects.md tells a reader the format.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar, get_args

from sidecar.config.kinds import maybe
from sidecar.config.problems import Unfit, nearest, one_of
from sidecar.config.section import Reading, Section, Type, all_of, key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")
AnySection = TypeVar("AnySection", bound=Section)
Json: TypeAlias = "str | int | float | bool | Mapping[str, Json] | list[Json] | None"
Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

_REFERENCE: Final = re.compile(r"\{([a-z_]+)\}")
_ALMOST: Final = re.compile(r"\{([A-Za-z_-]+)\}")
_INNER_CAPITAL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_PATH: Final = r"/(?:\{[a-z_]+\}|(?!(?:\.|%2[eE]){1,2}(?:/|$))(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)"
_PATH_PATTERN: Final = f"^(?:{_PATH})+$"
_FIELD_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIELD_TEMPLATE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_FRAMING: Final = re.compile(
    r"host|connection|content-length|transfer-encoding|te|trailer|upgrade|keep-alive|expect|proxy-.*", re.IGNORECASE
)

IN_PATHS: Final = frozenset({"username", "tenant_id", "organization_id", "user_id", "individual_id"})
"""What may be seen in a path, which proxies log: no secret."""

CLIENT: Final = frozenset({"password", "customer_id", "customer_secret", "tenant_key", "tenant_secret"})
"""Client credentials: "a refresh sends none" (CONTRACT §4)."""

SESSION: Final = frozenset({"token", "refresh_token", "internal_token_key", "session_id"})
"""What a call about the session there is may refer to."""

STUB: Final = IN_PATHS | {"token", "refresh_token", "session_id", "expires_in", "expires_at"}
"""What a reply to a caller's own login may refer to: placeholders, and no secret."""

CREDENTIALS: Final = IN_PATHS | CLIENT | {"account_type", "grant_type"}
"""The keys of `[credentials]` that a login template may refer to."""


def references(template: Json) -> Iterator[str]:
    """Yield the name of each `{name}` in a template, in order, however deep it is nested."""
    if isinstance(template, str):
        yield from _REFERENCE.findall(template)
    elif isinstance(template, Mapping):
        for part in template.values():
            yield from references(part)
    elif isinstance(template, list):
        for part in template:
            yield from references(part)


def substitute(template: str, texts: Mapping[str, str]) -> str | None:
    """Return the template with its references filled, or None when one of them has no text."""
    if any(name not in texts for name in references(template)):
        return None
    return _REFERENCE.sub(lambda match: texts[match[1]], template)


# ── what may stand where ────────────────────────────────────────────────────────────────────────────────────────


def text(value: object) -> str:
    """Return a text, whatever it says."""
    if not isinstance(value, str):
        raise Unfit("a string")
    return value


def path(value: object) -> str:
    """Return a path of plain segments and `{name}`s."""
    checked = text(value)
    if not re.fullmatch(_PATH_PATTERN, checked):
        raise Unfit("a path: it starts with '/', and each segment is plain text or one {name}; no query, no '..'")
    return checked


def several(read: Callable[[object], T], **item: object) -> Type[tuple[T, ...]]:
    """Return the type of a list; `item` is the JSON Schema of its elements."""

    def each(value: object) -> tuple[T, ...]:
        if not isinstance(value, (list, tuple)):
            raise Unfit("a list")
        return tuple(all_of(read, enumerate(value)).values())

    return Type(each, schema={"type": "array", "items": item})


def one_or_more(read: Callable[[object], T], **item: object) -> Type[tuple[T, ...]]:
    """Return the type of a list, not empty, that may leave out its brackets where there is only one element."""
    listed = several(read, **item)

    def some(value: object) -> tuple[T, ...]:
        if isinstance(value, (list, tuple)) and not value:
            raise Unfit("at least one", found="an empty list")
        return listed.read(value) if isinstance(value, (list, tuple)) else (read(value),)

    return Type(some, schema={"oneOf": [item, {**listed.schema, "minItems": 1}]})


def part(section: type[AnySection]) -> Type[AnySection]:
    """Return the type of a table with these keys."""

    def read(value: object) -> AnySection:
        return value if isinstance(value, section) else section.read(_table(value))

    return Type(read, section=section)


def maybe_part(section: type[AnySection]) -> Type[AnySection | None]:
    """Return the type of such a table that can be left out."""
    return maybe(part(section))._replace(section=section)


def paths_with(names: frozenset[str]) -> Type[tuple[str, ...]]:
    """Return the type of one path or several, with references to these names alone."""
    return one_or_more(lambda value: _known(names, path(value)), type="string", pattern=_PATH_PATTERN)


def fields_with(names: frozenset[str]) -> Type[Mapping[str, str]]:
    """Return the type of a table of header fields, with references to these names alone."""

    def field(value: object) -> str:
        template = text(value)
        if not _FIELD_TEMPLATE.fullmatch(template):
            raise Unfit("a legal field value: visible characters and blanks between them")
        return _known(names, template)

    def read(value: object) -> Mapping[str, str]:
        reading = Reading()
        found = {
            reading.take(_field_name, name, name): reading.take(field, template, name)
            for name, template in _table(value).items()
        }
        reading.end()
        return found

    return Type(read, schema={"type": "object", "additionalProperties": {"type": "string"}})


def body_with(names: frozenset[str]) -> Type[Mapping[str, Json] | None]:
    """Return the type of a table that becomes JSON, with references to these names alone."""

    def json(value: object) -> Json:
        if isinstance(value, str):
            return _known(names, value)
        if isinstance(value, Mapping):
            return all_of(json, value.items())
        if isinstance(value, list):
            return list(all_of(json, enumerate(value)).values())
        if isinstance(value, float) and not math.isfinite(value):
            raise Unfit("a number that JSON has", found="inf or nan")
        if value is None or isinstance(value, (int, float)):
            return value
        raise Unfit("what JSON has: a string, a number, true or false, a list or a table")

    return maybe(Type(lambda value: all_of(json, _table(value).items()), schema={"type": "object"}))


def _known(names: frozenset[str], template: str) -> str:
    """Return the template; Unfit where a reference, or what was most likely meant to be one, names what is not here."""
    for name in _ALMOST.findall(template):
        if name in names:
            continue
        near = nearest(_INNER_CAPITAL.sub("_", name).replace("-", "_").lower(), sorted(names))
        if near is not None or _REFERENCE.fullmatch(f"{{{name}}}"):
            here = [near] if near else sorted(names)
            raise Unfit(one_of(f"{{{each}}}" for each in here), found=f"{{{name}}}, which cannot be used here")
    return template


def _field_name(value: object) -> str:
    name = text(value)
    if not _FIELD_NAME.fullmatch(name):
        raise Unfit("the name of a header field", found="a name that no field can have")
    if _FRAMING.fullmatch(name):
        raise Unfit("another field", found="a field that frames the message, which a dialect may not send")
    return name


def _table(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise Unfit("a table")
    return value


def _method(value: object) -> Method:
    for method in _METHODS:
        if value == method:
            return method
    raise Unfit(one_of(_METHODS))


_METHODS: Final[tuple[Method, ...]] = get_args(Method)
METHOD: Final[Type[Method]] = Type(_method, schema={"enum": list(_METHODS)}, choices=_METHODS)


class Template(Section):
    """One call, with references where its values will stand; the subclasses say which there may be.

    Attributes:
        path: alternatives; the first whose references all have a value is used.
        fields: header fields of this call alone.
        body: becomes JSON; a member whose reference has no value is left out. None: the call has no body.
    """

    method: Method = key(METHOD, default="POST")
    path: tuple[str, ...] = key(paths_with(IN_PATHS))
    fields: Mapping[str, str] = key(fields_with(CREDENTIALS), default=MappingProxyType({}))
    body: Mapping[str, Json] | None = key(body_with(CREDENTIALS), default=None)
