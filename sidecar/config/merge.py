"""Plain tables laid over each other: defaults < file < environment.

Pure: nothing given is changed. A table is `dict[str, object]`, as tomllib makes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.config.catalogue import tables
from sidecar.config.problems import Problem, dotted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

Table = dict[str, object]
Path = tuple[str, ...]


def overlay(under: Mapping[str, object], over: Mapping[str, object], at: Path = ()) -> Table:
    """Return `under` with the keys of `over` in it. Tables of the model are merged key by key, `fields` by name.

    All else is replaced whole: a secret's reference must not become a mixture of two.
    """
    merged: Table = dict(under)
    for name, value in over.items():
        path = (*at, name)
        merged[name] = _merged(merged[name], value, path) if name in merged else value
    return merged


def _merged(under: object, over: object, path: Path) -> object:
    if path not in tables() and path != ("fields",):
        return over
    # Something else than a table is wrong here; it survives, so that it is reported.
    if not isinstance(over, dict):
        return over
    if not isinstance(under, dict):
        return under
    return overlay_fields(under, over) if path == ("fields",) else overlay(under, over, path)


def overlay_fields(under: Mapping[str, object], over: Mapping[str, object]) -> Table:
    """Return the rules of `under`, each replaced by that of `over` for the same field, in any case; then the rest."""
    by_name = {name.lower(): name for name in over}
    merged: Table = {}
    for name, rule in under.items():
        again = by_name.pop(name.lower(), None)
        merged |= {name: rule} if again is None else {again: over[again]}
    return merged | {name: over[name] for name in over if name.lower() in by_name}


def twins(layer: Mapping[str, object]) -> Iterator[Problem]:
    """Yield a problem for each field that one layer, or a tenant in it, names twice, in different cases."""
    yield from _twins(layer.get("fields"), ("fields",))
    tenants = layer.get("tenants")
    for index, tenant in enumerate(tenants if isinstance(tenants, list) else ()):
        if isinstance(tenant, dict):
            yield from _twins(tenant.get("fields"), ("tenants", index, "fields"))


def _twins(fields: object, at: tuple[str | int, ...]) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name in fields if isinstance(fields, dict) else ():
        first = seen.setdefault(name.lower(), name)
        if first != name:
            yield Problem(dotted((*at, name)), "a second rule for one field", f"only {dotted((*at, first))}")


def without(layer: Mapping[str, object], paths: Collection[Path], at: Path = ()) -> Table:
    """Return `layer` less the keys or whole tables at `paths`."""
    kept: Table = {}
    for name, value in layer.items():
        path = (*at, name)
        if path not in paths:
            kept[name] = without(value, paths, path) if isinstance(value, dict) else value
    return kept
