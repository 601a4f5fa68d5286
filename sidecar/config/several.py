"""From the plain tables of `[[tenants]]` to `Tenant`s, with every problem named by the tenant that has it.

Pure. Each tenant is checked as the whole configuration that it would be alone; what is wrong with the top level is told
there, once, and not again by every tenant that inherits it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sidecar.config import checks, tenantchecks
from sidecar.config.inherit import inherit
from sidecar.config.problems import Problem, dotted, nearest, one_of, shown, type_name
from sidecar.config.residents import residents
from sidecar.config.section import Faults, MissingKey, UnknownKey
from sidecar.config.tenants import SECTIONS, Tenant

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from sidecar.config.merge import Path, Table
    from sidecar.config.model import Config
    from sidecar.config.section import Fault

    Validate = Callable[[Table], tuple[Config, list[Problem], frozenset[Path]]]


@dataclass(slots=True)
class Several:
    """What `[[tenants]]` made: those that can be used, their places in the list and broken keys, and all problems."""

    tenants: list[Tenant] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    broken: list[frozenset[Path]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read(raw: object, top: Table, told: Collection[Problem], validate: Validate) -> Several:
    """Return what the list `raw` makes over the tables `top`, of which `told` are the problems already.

    `validate` returns the configuration that some tables make, in any case, with their problems and broken keys.
    """
    several = Several()
    if not isinstance(raw, (list, tuple)):
        several.problems.append(Problem("tenants", type_name(raw), "a list of tables, each under [[tenants]]"))
        return several
    for index, table in enumerate(raw):
        if isinstance(table, dict):
            config, found, broken = validate(inherit(top, {name: table[name] for name in SECTIONS if name in table}))
            several.problems += [_inside(index, problem) for problem in found if problem not in told]
            _take(
                several, index, {name: value for name, value in table.items() if name not in SECTIONS}, config, broken
            )
        else:
            several.problems.append(Problem(dotted(("tenants", index)), type_name(table), "a table"))
    return several


def _take(several: Several, index: int, own: Table, config: Config, broken: frozenset[Path]) -> None:
    try:
        several.tenants.append(Tenant.read(own | {name: getattr(config, name) for name in SECTIONS}))
    except Faults as error:
        several.problems += [_problem(index, fault) for fault in error.faults]
    else:
        several.places.append(index)
        several.broken.append(broken)


def check(config: Config, several: Several, broken: Collection[Path]) -> Iterator[Problem]:
    """Yield what the checks find in a configuration whose tenants these are; `broken` are keys of the top level.

    What all of them inherit is told at the top level; what none inherits is no problem: nobody is served by it.
    """
    if not config.tenants:
        yield from checks.problems(config, broken)
        return
    own = [
        list(checks.problems(resident.config, wrong.union(broken)))
        for resident, wrong in zip(residents(config), several.broken, strict=True)
    ]
    top = checks.problems(config, broken)
    everywhere = [problem for problem in top if all(problem in found for found in own)]
    yield from everywhere
    for index, tenant, found in zip(several.places, config.tenants, own, strict=True):
        yield from (_at(index, tenant, problem) for problem in found if problem not in everywhere)
    if not several.problems:
        yield from tenantchecks.problems(config)


def _at(index: int, tenant: Tenant, problem: Problem) -> Problem:
    """Return a problem of one tenant, named by its tenant; its listener's address is a key of its own."""
    if problem.key.partition(".")[0] in SECTIONS:
        return _inside(index, problem)
    if problem.key == "listen.address" and tenant.listen is not None:
        return Problem(dotted(("tenants", index, "listen")), problem.found, problem.expected)
    return problem


def _inside(index: int, problem: Problem) -> Problem:
    return Problem(f"{dotted(('tenants', index))}.{problem.key}", problem.found, problem.expected)


def _problem(index: int, fault: Fault) -> Problem:
    key = dotted(("tenants", index, *fault.place))
    if isinstance(fault.unfit, UnknownKey):
        return Problem(key, "an unknown key", _instead(index, fault))
    if isinstance(fault.unfit, MissingKey):
        return Problem(key, "nothing", "a value")
    return Problem(key, fault.unfit.found or shown(key, fault.value), fault.unfit.expected)


def _instead(index: int, fault: Fault) -> str:
    """Return what a key that there is not was probably meant to be."""
    *above, name = map(str, fault.place)
    siblings: Mapping[str, object] = Tenant.members
    for part in above:
        table = siblings[part].type.section  # type: ignore[attr-defined]  # a table's members are `Member`s
        siblings = table.members
    near = nearest(name, siblings)
    return one_of(dotted(("tenants", index, *above, one)) for one in ([near] if near else siblings))
