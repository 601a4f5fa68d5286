"""Where a secret is: a reference that names the place and never holds the text.

Pure. `sidecar.secret.read` turns one into a `Secret`, as late as possible.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sidecar.config.problems import Unfit, type_name

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_FORM: Final = '{ env = "NAME" } or { file = "PATH" }'
_NOT_YET: Final = ("keyring", "command")


@dataclass(frozen=True, slots=True)
class EnvRef:
    """The secret is the value of the environment variable `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class FileRef:
    """The secret is the content of the file at `path`, less one trailing newline."""

    path: str


SecretRef = EnvRef | FileRef


def reference(value: object) -> SecretRef:
    """Return the reference that `{ env = "NAME" }` or `{ file = "PATH" }` means.

    A bare string is refused and never repeated: it is the secret itself, as a rule.
    """
    if isinstance(value, SecretRef):
        return value
    if not isinstance(value, dict):
        found = "a bare string" if isinstance(value, str) else type_name(value)
        raise Unfit(_FORM, found=found)
    later = [kind for kind in _NOT_YET if kind in value]
    if later:
        raise Unfit(f"{_FORM}; {later[0]} is not available in this version", found=f"a {later[0]} reference")
    return _one_place(value)


def _one_place(value: dict[str, object]) -> SecretRef:
    match value:
        case {"env": str(name), **rest} if not rest and _VARIABLE.fullmatch(name):
            return EnvRef(name)
        case {"file": str(path), **rest} if not rest and path and path.isprintable():
            return FileRef(path)
        case {"env": _, **rest} if not rest:
            raise Unfit('{ env = "NAME" }, the name of a variable', found="something else than a variable's name")
        case {"file": _, **rest} if not rest:
            raise Unfit('{ file = "PATH" }, the path of a file', found="something else than a path")
    raise Unfit(_FORM, found="a table with other keys")
