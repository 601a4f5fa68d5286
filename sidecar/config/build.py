"""From plain tables to a `Config`, or to one error that names every problem.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sidecar.config import addresses, checks, later, translate
from sidecar.config.merge import Table, overlay, without
from sidecar.config.model import Config
from sidecar.config.problems import Problem, Unfit, config_error
from sidecar.config.section import Faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sidecar.config.merge import Path

_TENANTS: Final = ("tenants",)


def build(
    given: Mapping[str, object],
    defaults: Mapping[str, Any],
    *,
    sources: Mapping[str, str] | None = None,
    earlier: Iterable[Problem] = (),
    remedy: str | None = None,
) -> Config:
    """Return the configuration that `given` makes over an environment's `defaults`, or raise one ConfigError.

    `sources` maps a dotted key to the variable that set it; `earlier` are problems found on the way here.
    """
    not_yet = _not_yet(given)
    top = without(given, {*not_yet, _TENANTS})
    config, found, broken = _validated(top, defaults)
    if given.get("tenants"):
        config, more = _with_tenants(config, given["tenants"], top, defaults, (found, broken))
        found += more
    else:
        found += checks.problems(config, broken)
    problems = [*earlier, *map(later.problem, map(".".join, sorted(not_yet))), *found]
    if problems:
        raise config_error((_named(problem, sources or {}) for problem in problems), remedy=remedy)
    return config


def _with_tenants(
    config: Config,
    raw: object,
    top: Table,
    defaults: Mapping[str, Any],
    wrong: tuple[list[Problem], frozenset[Path]],
) -> tuple[Config, list[Problem]]:
    """Return `config` with the tenants that `raw` makes over the tables `top`, and what is wrong; `wrong` is known."""
    from sidecar.config import several  # noqa: PLC0415  # one tenant alone does without

    found, broken = wrong
    made = several.read(raw, top, found, lambda tables: _validated(tables, defaults))
    config = config.replaced({"tenants": tuple(made.tenants)})
    return config, [*made.problems, *several.check(config, made, broken)]


def _not_yet(given: Mapping[str, object]) -> set[Path]:
    paths: set[Path] = {tuple(key.split(".")) for key in later.KEYS}
    return {path for path in paths if _has(given, path)}


def _has(table: object, path: Path) -> bool:
    for part in path:
        if not isinstance(table, dict) or part not in table:
            return False
        table = table[part]
    return True


def _validated(given: Table, defaults: Mapping[str, Any]) -> tuple[Config, list[Problem], frozenset[Path]]:
    """Return a Config in any case: where `given` is wrong, of what is right in it, with the problems and their keys."""
    try:
        return Config.read(_complete(given, defaults)), [], frozenset()
    except Faults as error:
        broken = translate.broken(error)
        rest = _complete(without(given, broken), defaults)
        return Config.read(rest), list(translate.problems(error)), broken


def _complete(given: Table, defaults: Mapping[str, Any]) -> Table:
    data = overlay(defaults, given)
    session, upstream = data["session"], data["upstream"]
    if isinstance(session, dict):
        url = upstream["url"] if isinstance(upstream, dict) else None
        data["session"] = {"url": _origin_or(url, defaults["upstream"]["url"]), **session}
    return data


def _origin_or(url: object, other: object) -> object:
    """Return `url` if it is an origin, else the other one: a wrong upstream.url is one problem, not two."""
    try:
        return addresses.origin(url)
    except Unfit:
        return other


def _named(problem: Problem, sources: Mapping[str, str]) -> Problem:
    """Return the problem with the variable behind its key, if the environment set it."""
    for key, variable in sources.items():
        if problem.key == key or problem.key.startswith((f"{key}.", f"{key}[")):
            return Problem(f"{problem.key} ({variable})", problem.found, problem.expected)
    return problem
