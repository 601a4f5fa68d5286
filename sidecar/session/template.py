"""One call of a dialect with `{name}` references where its values will stand, and what may stand in one.

Pure. The models are the schema of a dialect file too; `dialects/production.toml` tells a reader the format.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias, TypeVar, get_args

from sidecar.config.problems import Unfit, one_of
from sidecar.config.section import Section, Type, all_of, key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

AnySection = TypeVar("AnySection", bound=Section)
Json: TypeAlias = "str | int | float | bool | Mapping[str, Json] | list[Json] | None"
Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

_REFERENCE: Final = re.compile(r"\{([a-z_]+)\}")
_SEGMENT: Final = re.compile(r"\{[a-z_]+\}|(?!(?:\.|%2[eE]){1,2}$)(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+")
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
        raise Unfit("Input should be a valid string")
    return value


def path(value: object) -> str:
    """Return a path of plain segments and `{name}`s."""
    checked = text(value)
    segments = checked.split("/")
    if not checked.startswith("/") or not all(_SEGMENT.fullmatch(segment) for segment in segments[1:]):
        raise Unfit("a path starts with '/', and each segment is plain text or one {name}; no query, no '..'")
    return checked


def tuple_of(read: Callable[[object], str]) -> Type[tuple[str, ...]]:
    """Return the type of a list of texts."""

    def each(value: object) -> tuple[str, ...]:
        if not isinstance(value, (list, tuple)):
            raise Unfit("Input should be a valid tuple")
        return tuple(all_of(read, enumerate(value)).values())

    return Type(each)


def one_or_more(read: Callable[[object], str]) -> Type[tuple[str, ...]]:
    """Return the type of a list of texts that may leave out its brackets where there is only one."""
    several = tuple_of(read)
    return Type(lambda value: several.read([value] if isinstance(value, str) else value))


def part(section: type[AnySection]) -> Type[AnySection]:
    """Return the type of a table with these keys."""

    def read(value: object) -> AnySection:
        if isinstance(value, section):
            return value
        if not isinstance(value, dict):
            raise Unfit(f"Input should be a valid dictionary or instance of {section.__name__}")
        return section.read(value)

    return Type(read)


def _method(value: object) -> Method:
    for method in _METHODS:
        if value == method:
            return method
    raise Unfit(f"Input should be {one_of(map(repr, _METHODS))}")


def _paths(value: object) -> tuple[str, ...]:
    found = _PATHS.read(value)
    if not found:
        raise Unfit("Value should have at least 1 item after validation, not 0")
    return found


def _fields(value: object) -> Mapping[str, str]:
    fields = all_of(text, _table(value).items())
    for name, template in fields.items():
        if not _FIELD_NAME.fullmatch(name) or _FRAMING.fullmatch(name):
            raise Unfit(f"{name!r} is no field that a dialect may send")
        if not _FIELD_TEMPLATE.fullmatch(template):
            raise Unfit(f"the value of {name} is not a legal field value")
    return fields


def _body(value: object) -> Mapping[str, Json] | None:
    if value is None:
        return None
    body = all_of(_json, _table(value).items())
    _finite(body)
    return body


def _table(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise Unfit("Input should be a valid dictionary")
    return value


def _json(value: object) -> Json:
    # A fault's place tells what it is in, too: body.users.list.2.
    if isinstance(value, Mapping):
        return all_of(_json, value.items(), "dict")
    if isinstance(value, list):
        return list(all_of(_json, enumerate(value), "list").values())
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise Unfit("input was not a valid JSON value")


def _finite(body: Json) -> None:
    if isinstance(body, float) and not math.isfinite(body):
        raise Unfit("inf and nan do not exist in JSON")
    for part in body.values() if isinstance(body, Mapping) else body if isinstance(body, list) else ():
        _finite(part)


_METHODS: Final[tuple[Method, ...]] = get_args(Method)
_PATHS: Final = one_or_more(path)


class Template(Section):
    """One call, with references where its values will stand; the subclasses say which there are.

    Attributes:
        path: alternatives; the first whose references all have a value is used.
        fields: header fields of this call alone.
        body: becomes JSON; a member whose reference has no value is left out. None: the call has no body.
    """

    method: Method = key(Type(_method), default="POST")
    path: tuple[str, ...] = key(Type(_paths))
    fields: Mapping[str, str] = key(Type(_fields), default=MappingProxyType({}))
    body: Mapping[str, Json] | None = key(Type(_body), default=None)

    names: ClassVar[frozenset[str]]
    names_in_path: ClassVar[frozenset[str]]

    def verify(self) -> None:
        """Raise Unfit where a reference names what there is not."""
        for allowed, template in ((self.names_in_path, list(self.path)), (self.names, [self.body, self.fields])):
            for name in references(template):  # type: ignore[arg-type]  # a list of str is a Json, but list is invariant
                if name not in allowed:
                    raise Unfit(f"{{{name}}} cannot be used here; there are {', '.join(sorted(allowed))}")
