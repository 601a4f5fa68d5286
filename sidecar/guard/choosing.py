"""Which tenant a request is for: by a path prefix, by a field, or the one that gets what is nobody else's.

Pure. What a caller sends chooses among the tenants that are listed and nothing else (SECURITY.md, invariant 5). A path
is read as under `listen.allow`: decoded once, by whole segments, and not at all where it could be read in two ways. Who
says two things is refused, and so is who names a tenant that is not there: it is never served as another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from sidecar.guard.refusal import Denied
from sidecar.guard.rules import TWO_MEANINGS
from sidecar.guard.target import decoded, require_sound_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sidecar.rawfields import RawFields

_REMEDY: Final = (
    "Ask the sidecar's operator for the tenant's path, field or address; they are path_prefix, field and listen in "
    "[[tenants]]."
)


class Place(NamedTuple):
    """Where a tenant is found at a listener; one that has neither a prefix nor a field gets what is nobody else's.

    `prefix` begins with a slash; `strips` tells whether FinHub's path is what comes behind it. `values` are those of
    the field `name`.
    """

    tenant: str
    prefix: str | None = None
    strips: bool = True
    name: str | None = None
    values: tuple[str, ...] = ()


class Found(NamedTuple):
    """Whose a request is, and the target that FinHub is asked for."""

    tenant: str
    target: str


class _Prefix(NamedTuple):
    segments: tuple[str, ...]
    tenant: str
    strips: bool


@dataclass(frozen=True, slots=True)
class Chooser:
    """Knows the tenants of one listener: prefixes, the longest first; field → value → tenant; and who gets the rest."""

    prefixes: tuple[_Prefix, ...]
    fields: Mapping[bytes, Mapping[bytes, str]]
    default: str | None

    @classmethod
    def build(cls, places: Iterable[Place]) -> Chooser:
        """Return what knows these places, of which no two are for the same request."""
        prefixes: list[_Prefix] = []
        fields: dict[bytes, dict[bytes, str]] = {}
        default = None
        for place in places:
            if place.prefix is not None:
                prefixes.append(_Prefix(tuple(place.prefix[1:].split("/")), place.tenant, place.strips))
            elif place.name is not None:
                named = fields.setdefault(place.name.lower().encode(), {})
                named |= {value.encode(): place.tenant for value in place.values}
            else:
                default = place.tenant
        return cls(tuple(sorted(prefixes, key=lambda one: -len(one.segments))), fields, default)

    def choose(self, target: str, fields: RawFields) -> Found:
        """Return whose the request is; Denied (403) where that is nobody or not clear, Malformed (400) as the guard."""
        under = self._by_path(target) if self.prefixes else None
        named = self._by_field(fields) if self.fields else None
        if under is not None and named not in {None, under.tenant}:
            raise _denied("The request names one tenant by its path and another by a field.")
        if under is not None:
            return Found(under.tenant, _behind(target, len(under.segments)) if under.strips else target)
        tenant = named or self.default
        if tenant is None:
            raise _denied("The request is no tenant's.")
        return Found(tenant, target)

    def _by_path(self, target: str) -> _Prefix | None:
        path = require_sound_target(target)
        if "%" in path and TWO_MEANINGS.search(path):
            raise _denied("Where tenants have prefixes a path holds no encoded dot, slash or backslash.")
        segments = tuple(decoded(path)[1:].split("/"))
        return next((one for one in self.prefixes if segments[: len(one.segments)] == one.segments), None)

    def _by_field(self, fields: RawFields) -> str | None:
        said = [(key, value.strip(b" \t")) for name, value in fields if (key := name.lower()) in self.fields]
        if not said:
            return None
        if len(said) > 1:
            raise _denied("The request names a tenant more than once.")
        ((key, value),) = said
        tenant = self.fields[key].get(value)
        if tenant is None:
            raise _denied("The request names a tenant that is not there.")
        return tenant


def _behind(target: str, number: int) -> str:
    """Return a target without the first segments of its path, which are so many as it has slashes before them."""
    path, mark, query = target.partition("?")
    return f"/{path[1:].split('/', number)[number]}{mark}{query}" if path.count("/") > number else f"/{mark}{query}"


def _denied(detail: str) -> Denied:
    return Denied("tenant", detail, remedy=_REMEDY)
