"""One call of a dialect with `{name}` references where its values will stand, and what may stand in one.

Pure. The models are the schema of a dialect file too; `dialects/production.toml` tells a reader the format.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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


def references(template: JsonValue) -> Iterator[str]:
    """Yield the name of each `{name}` in a template, in order, however deep it is nested."""
    if isinstance(template, str):
        yield from _REFERENCE.findall(template)
    elif isinstance(template, dict):
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


def _path(path: str) -> str:
    segments = path.split("/")
    if not path.startswith("/") or not all(_SEGMENT.fullmatch(segment) for segment in segments[1:]):
        raise ValueError("a path starts with '/', and each segment is plain text or one {name}; no query, no '..'")
    return path


def _fields(fields: dict[str, str]) -> dict[str, str]:
    for name, value in fields.items():
        if not _FIELD_NAME.fullmatch(name) or _FRAMING.fullmatch(name):
            raise ValueError(f"{name!r} is no field that a dialect may send")
        if not _FIELD_TEMPLATE.fullmatch(value):
            raise ValueError(f"the value of {name} is not a legal field value")
    return fields


def _finite(body: JsonValue) -> JsonValue:
    if isinstance(body, float) and not math.isfinite(body):
        raise ValueError("inf and nan do not exist in JSON")
    for part in body.values() if isinstance(body, dict) else body if isinstance(body, list) else ():
        _finite(part)
    return body


def listed(value: object) -> object:
    """Return a single text as a list of one, so that a file may leave out the brackets."""
    return [value] if isinstance(value, str) else value


Path: TypeAlias = Annotated[str, AfterValidator(_path)]


class Data(BaseModel):
    """Frozen data from a file, where an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Template(Data):
    """One call, with references where its values will stand; the subclasses say which there are.

    Attributes:
        path: alternatives; the first whose references all have a value is used.
        fields: header fields of this call alone.
        body: becomes JSON; a member whose reference has no value is left out. None: the call has no body.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    path: Annotated[tuple[Path, ...], BeforeValidator(listed), Field(min_length=1)]
    fields: Annotated[dict[str, str], AfterValidator(_fields)] = Field(default_factory=dict)
    body: Annotated[dict[str, JsonValue] | None, AfterValidator(_finite)] = None

    names: ClassVar[frozenset[str]]
    names_in_path: ClassVar[frozenset[str]]

    @model_validator(mode="after")
    def _references_exist(self) -> Template:
        for allowed, template in ((self.names_in_path, list(self.path)), (self.names, [self.body, self.fields])):
            for name in references(template):  # type: ignore[arg-type]  # a list of str is a JsonValue, but list is invariant
                if name not in allowed:
                    raise ValueError(f"{{{name}}} cannot be used here; there are {', '.join(sorted(allowed))}")
        return self
