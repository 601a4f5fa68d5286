"""The configuration from a file and the environment: defaults < file < environment.

Thin: reads the file, makes its paths absolute and leaves every decision to the pure modules. Blocks; not for an event
loop.
"""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING, Any, Final

from sidecar.config import environ as environment_variables
from sidecar.config import merge
from sidecar.config.build import build
from sidecar.config.catalogue import Key, keys, tenant_keys
from sidecar.config.defaults import defaults
from sidecar.config.kinds import Kind
from sidecar.config.model import DEFAULT_ENVIRONMENT, ENVIRONMENTS, Config
from sidecar.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sidecar.config.merge import Table

LONGEST_FILE: Final = 2**20  # bytes
_NO_FILE: Final = (
    "Name a file with --config, or set the variables; `finhub-sidecar config init --output FILE` writes one to fill in."
)
_TOO_LONG: Final = "a number or a nesting without end"


def load(path: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> Config:
    """Return the configuration in the file at `path`, under what `environ` overrides; no path: of `environ` alone.

    Secrets are not read here. Raises ConfigError, with a line for each problem.
    """
    if path is None:
        return parse("", environ, remedy=_NO_FILE)
    name = os.path.abspath(path)  # noqa: PTH100  # resolve() would follow the links that relative paths count from
    remedy = f"Correct {name}, or the variables named above; `finhub-sidecar config schema` tells what each key takes."
    return parse(_read(name), environ, folder=os.path.dirname(name), name=name, remedy=remedy)  # noqa: PTH120  # as above


def parse(
    text: str,
    environ: Mapping[str, str],
    *,
    folder: str = ".",
    name: str = "the configuration",
    remedy: str | None = None,
) -> Config:
    """Return the configuration in a TOML text whose relative paths count from `folder`, under what `environ` overrides.

    `name` is what errors call the text. Raises ConfigError as `load` does.
    """
    file = _tables(text, name)
    overrides = environment_variables.read(environ)
    given = merge.overlay(_anchored(file, folder), _anchored(overrides.data, "."))
    return build(
        given,
        defaults(_environment(given)),
        sources=overrides.sources,
        earlier=[*merge.twins(file), *merge.twins(overrides.data), *overrides.problems],
        remedy=remedy,
    )


def _environment(given: Mapping[str, object]) -> str:
    named = given.get("environment")
    return named if isinstance(named, str) and named in ENVIRONMENTS else DEFAULT_ENVIRONMENT


def _read(name: str) -> str:
    try:
        with open(name, "rb") as file:  # noqa: PTH123  # the path is a plain str here
            content = file.read(LONGEST_FILE + 1)
    except OSError as error:
        remedy = "Name another file with --config, or write one: `finhub-sidecar config init --output FILE`."
        raise ConfigError(f"{name} cannot be read: {error.strerror}", remedy=remedy) from None
    if len(content) > LONGEST_FILE:
        raise ConfigError(f"{name} is larger than 1 MiB", remedy="Name a configuration file with --config.")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name} is not UTF-8 in line {line}", remedy="Save the file as UTF-8.") from None


def _tables(text: str, name: str) -> Table:
    # ValueError: also an integer of thousands of digits; RecursionError: brackets nested thousands deep.
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        detail = _placed(str(error), text) if isinstance(error, tomllib.TOMLDecodeError) else _TOO_LONG
        remedy = 'Write `key = "text"` or `key = number` under a [section]; `finhub-sidecar config init` shows how.'
        raise ConfigError(f"{name} is not TOML: {detail}", remedy=remedy) from None


def _placed(message: str, text: str) -> str:
    """Return tomllib's message with line and column also where it says "at end of document" only."""
    lines = text.split("\n")
    return message.replace("at end of document", f"at line {len(lines)}, column {len(lines[-1]) + 1}")


# ── relative paths ──────────────────────────────────────────────────────────────────────────────────────────────


def _anchored(tables: Table, folder: str) -> Table:
    """Return the tables with every relative path in them counted from `folder`."""
    anchored = merge.without(tables, ())
    _anchor_all(anchored, keys(), folder)
    tenants = anchored.get("tenants")
    if isinstance(tenants, list):
        anchored["tenants"] = [_anchored_tenant(tenant, folder) for tenant in tenants]
    return anchored


def _anchored_tenant(tenant: object, folder: str) -> object:
    if not isinstance(tenant, dict):
        return tenant
    anchored = merge.without(tenant, ())
    _anchor_all(anchored, (*tenant_keys(), *keys()), folder)
    return anchored


def _anchor_all(tables: Table, known: Iterable[Key], folder: str) -> None:
    for key in known:
        if key.kind in _ANCHORS:
            _anchor(tables, key, os.path.abspath(folder))  # noqa: PTH100  # resolve() would follow links


def _anchor(tables: Any, key: Key, folder: str) -> None:
    *above, name = key.parts
    for part in above:
        tables = tables.get(part) if isinstance(tables, dict) else None
    if isinstance(tables, dict) and name in tables:
        tables[name] = _ANCHORS[key.kind](tables[name], folder)


def _file(value: object, folder: str) -> object:
    # An empty path stays one, for the model to refuse.
    return os.path.join(folder, value) if isinstance(value, str) and value else value  # noqa: PTH118  # paths stay str


def _output(value: object, folder: str) -> object:
    return value if value == "-" else _file(value, folder)


def _dialect(value: object, folder: str) -> object:
    is_path = isinstance(value, str) and ("/" in value or value.endswith(".toml"))
    return _file(value, folder) if is_path else value


def _address(value: object, folder: str) -> object:
    path = value.removeprefix("unix:") if isinstance(value, str) else ""
    return f"unix:{_file(path, folder)}" if isinstance(value, str) and value.startswith("unix:") and path else value


def _store(value: object, folder: str) -> object:
    path = value.removeprefix("file:") if isinstance(value, str) else ""
    return f"file:{_file(path, folder)}" if isinstance(value, str) and value.startswith("file:") and path else value


def _secret(value: object, folder: str) -> object:
    if not isinstance(value, dict):
        return value
    if "file" in value:
        return {**value, "file": _file(value["file"], folder)}
    match value.get("command"):
        case [str(program), *words] if "/" in program:  # any other name is looked for in PATH
            return {**value, "command": [_file(program, folder), *words]}
    return value


_ANCHORS: Final[Mapping[Kind, Callable[[object, str], object]]] = {
    Kind.FILE: _file,
    Kind.OUTPUT: _output,
    Kind.DIALECT: _dialect,
    Kind.ADDRESS: _address,
    Kind.STORE: _store,
    Kind.SECRET: _secret,
}
