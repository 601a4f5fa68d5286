"""Loads a dialect by its built-in name, or from a file of the operator's own.

Thin: reads a file; `dialect.py` knows what may stand in it.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Final

from sidecar.config.problems import Problem
from sidecar.config.section import Faults
from sidecar.errors import ConfigError
from sidecar.session.dialect import Dialect, problems

_FOLDER: Final = Path(__file__).with_name("dialects")
_SUFFIX = ".toml"
_FORMAT = (
    "Correct the keys named above: docs/dialects.md explains each, `finhub-sidecar config schema --dialect` tells what "
    "it takes."
)

_NAMED: Final = Problem("name", "an unknown key", "no such key: a dialect is named as its file")


def built_in() -> tuple[str, ...]:
    """Return the names of the built-in dialects, sorted."""
    return tuple(sorted(file.stem for file in _FOLDER.glob(f"*{_SUFFIX}")))


@cache
def generations() -> tuple[Dialect, ...]:
    """Return all built-in dialects, which are read once."""
    return tuple(map(load, built_in()))


def load(name: str) -> Dialect:
    """Return the built-in dialect of this name, else the one in the file at this path.

    A dialect from a file is named as the file, without its suffix. Raises ConfigError that lists every problem.
    """
    if name in built_in():
        text = (_FOLDER / f"{name}{_SUFFIX}").read_text("utf-8")
        return parse(name, text, where=name)
    return parse(Path(name).stem, _read(name), where=name)


def parse(name: str, text: str, *, where: str) -> Dialect:
    """Return the dialect that a file's text describes; `where` names the file in a ConfigError."""
    try:
        return _parsed(name, text, where)
    except RecursionError:
        raise ConfigError(f"session.dialect: {where}: a nesting without end", remedy=_FORMAT) from None


def _parsed(name: str, text: str, where: str) -> Dialect:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"session.dialect: {where}: not TOML: {error}", remedy=_FORMAT) from None
    found = [_NAMED] if data.pop("name", None) is not None else []
    try:
        dialect = Dialect.read({"name": name, **data})
    except Faults as error:
        found += problems(error)
    if found:
        lines = dict.fromkeys(f"session.dialect: {where}: {problem}" for problem in found)
        raise ConfigError("\n".join(lines), remedy=_FORMAT)
    return dialect


def _read(path: str) -> str:
    remedy = f"Write one of {', '.join(built_in())}, or the path of a dialect file."
    try:
        return Path(path).read_text("utf-8")
    except OSError as error:
        problem = error.strerror or type(error).__name__
    except ValueError:
        problem = "not a path of UTF-8 text"
    raise ConfigError(
        f"session.dialect: {path}: neither a built-in dialect nor a readable file ({problem})", remedy=remedy
    )
