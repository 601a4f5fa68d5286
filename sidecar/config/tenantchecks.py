"""What concerns several tenants at once: every name once, and for every request one tenant at most.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sidecar.config.problems import Problem, dotted, one_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sidecar.config.addresses import Address
    from sidecar.config.model import Config
    from sidecar.config.tenants import Tenant

MOST: Final = 256
"""Tenants of one sidecar: each has connections, counters and a token of its own."""

_WAYS: Final = ("listen", "path_prefix", "field")


def problems(config: Config) -> Iterator[Problem]:
    """Yield what is wrong between the tenants, and between them and the top level; nothing where there are none."""
    if not config.tenants:
        return
    for index, tenant in enumerate(config.tenants):
        yield from _ways(index, tenant)
    yield from _twice("name", (_named(tenant.name.lower()) for tenant in config.tenants))
    yield from _twice("path_prefix", (_named(tenant.path_prefix) for tenant in config.tenants))
    yield from _twice("field.values", map(_values, config.tenants))
    yield from _twice("listen", map(_ports, config.tenants))
    yield from _listeners(config)
    yield from _shared(config)
    yield from _room(config)


def _ways(index: int, tenant: Tenant) -> Iterator[Problem]:
    given = [way for way in _WAYS if getattr(tenant, way) is not None]
    if len(given) > 1:
        yield Problem(_at(index), f"{' and '.join(given)}", f"{one_of(_WAYS)}: one way to find a tenant")


def _twice(what: str, marks: Iterable[tuple[str, ...]]) -> Iterator[Problem]:
    """Yield a problem for each tenant that has a mark which another had before."""
    first: dict[str, int] = {}
    for index, own in enumerate(marks):
        for mark in own:
            if first.setdefault(mark, index) != index:
                yield Problem(_at(index, what), f"what {_at(first[mark], what)} has too", "another for each tenant")
                break


def _named(name: str | None) -> tuple[str, ...]:
    return () if name is None else (name,)


def _values(tenant: Tenant) -> tuple[str, ...]:
    return () if tenant.field is None else tuple(f"{tenant.field.name.lower()}: {one}" for one in tenant.field.values)


def _ports(tenant: Tenant) -> tuple[str, ...]:
    return () if tenant.listen is None else _port(tenant.listen)


def _port(address: Address) -> tuple[str, ...]:
    """Return what no two listeners can share; a free port is nobody else's."""
    if address.kind == "unix":
        return (address.path,)
    return (f"{address.host.lower()} {address.port}",) if address.port else ()


def _listeners(config: Config) -> Iterator[Problem]:
    taken = {mark: name for name in ("listen", "admin") for mark in _port(getattr(config, name).address)}
    for index, tenant in enumerate(config.tenants):
        for mark in _ports(tenant):
            if mark in taken:
                yield Problem(
                    _at(index, "listen"), f'"{tenant.listen}", which is {taken[mark]}.address too', "another address"
                )


def _shared(config: Config) -> Iterator[Problem]:
    """Yield what is wrong with who is served at listen.address."""
    if all(tenant.listen is not None for tenant in config.tenants):
        expected = "one tenant without listen: it is served at listen.address"
        yield Problem("tenants", "a listener of its own for each", expected)
    defaults = [index for index, tenant in enumerate(config.tenants) if tenant.is_default]
    for index in defaults[1:]:
        found = f"no way to find it, as for {_at(defaults[0])}"
        yield Problem(_at(index), found, f"{one_of(_WAYS)}; one tenant alone may do without")


def _room(config: Config) -> Iterator[Problem]:
    number = len(config.tenants)
    if number > MOST:
        yield Problem("tenants", f"{number} of them", f"at most {MOST}")
    elif config.listen.max_requests < 2 * number:
        expected = f"at least {2 * number}, so that each of {number} tenants has a share"
        yield Problem("listen.max_requests", str(config.listen.max_requests), expected)


def _at(index: int, *names: str) -> str:
    return ".".join((dotted(("tenants", index)), *names))
