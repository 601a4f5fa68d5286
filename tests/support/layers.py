"""Who may import whom, read from the source without running it. docs/ARCHITECTURE.md draws the same picture."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE: Final = "sidecar"

# From the ground up: a room imports from lower layers only, and never from another room of its own layer.
LAYERS: Final = (
    {"answer", "errors", "events", "rawfields", "redact"},
    {"config"},
    {"guard", "problem", "wire"},
    {"session", "tls", "secret"},
    {"gateway", "admin", "observe", "audit"},
    {"app"},
    {"server", "emulator"},
    {"demo", "testing"},
    {"cli"},
    {"__main__"},
)
_HEIGHT: Final = {room: height for height, rooms in enumerate(LAYERS) for room in rooms}

# Room → all that it may import of ours. Where a room is not named, the layers alone decide.
_ONLY: Final = {"emulator": {"errors", "redact"}}

# Room → the rooms that may import it. Events leave through hooks, and only the assembly knows who listens.
_ONLY_FROM: Final = {"observe": {"app", "cli", "server"}, "audit": {"app", "cli", "server"}}

# The gateway's whole knowledge of the session: a token, and the door that gives one.
_SESSION_DOORS: Final = {"sidecar.session.token": None, "sidecar.session.source": {"TokenSource"}}

IMPURE: Final = {"asyncio", "aiohttp", "os", "pathlib", "time", "random", "structlog"}


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module (`sidecar.session.token`), the names taken from it (none: a plain import), and the line."""

    module: str
    names: tuple[str, ...]
    line: int

    @property
    def room(self) -> str:
        """The room of ours that is imported; empty for a foreign module and for the package's own `__version__`."""
        parts = self.module.split(".")
        return parts[1] if parts[0] == PACKAGE and len(parts) > 1 else ""


def imports(source: str) -> Iterator[Import]:
    """Yield every import in `source`, also those for type checkers: a type is knowledge too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, (), node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from _from(node)


def _from(node: ast.ImportFrom) -> Iterator[Import]:
    """Yield what `from … import …` names. `from sidecar import errors` means the room."""
    module = "." * node.level + (node.module or "")
    names = tuple(alias.name for alias in node.names)
    rooms = [name for name in names if module == PACKAGE and name in _HEIGHT]
    yield from (Import(f"{PACKAGE}.{name}", (), node.lineno) for name in rooms)
    rest = tuple(name for name in names if name not in rooms)
    if rest:
        yield Import(module, rest, node.lineno)


def room_of(path: str) -> str:
    """Return the room of a module path: `sidecar/app.py` → `app`; empty for the package itself."""
    parts = path.removesuffix(".py").split("/")
    return "" if parts[1] == "__init__" else parts[1]


def import_faults(path: str, source: str) -> list[str]:
    """Return what is wrong with the imports of the module at `path`, a sentence each; none when all is well."""
    room = room_of(path)
    if room and room not in _HEIGHT:
        return [f"{path}: the room {room!r} has no layer yet; give it one in tests/support/layers.py"]
    return [f"{path}:{found.line}: {fault}" for found in imports(source) if (fault := _fault(room, found))]


def _fault(room: str, found: Import) -> str:
    if found.module.startswith("."):
        return "imports are absolute, so that a reader sees the room"
    if found.module.split(".")[0] == "bench":
        return "bench measures from outside; nothing here knows of it"
    if not found.room or found.room == room:
        return ""
    return _height_fault(room, found.room) or _special_fault(room, found)


def _height_fault(room: str, other: str) -> str:
    if not room:
        return f"the package itself imports nothing of ours, found {other}"
    if _HEIGHT.get(other, len(LAYERS)) < _HEIGHT[room]:
        return ""
    return f"{room} must not import {other}: imports run downwards only"


def _special_fault(room: str, found: Import) -> str:
    other = found.room
    if other not in _ONLY.get(room, {other}):
        return f"{room} imports nothing of ours but {_listed(_ONLY[room])}, found {other}"
    if room not in _ONLY_FROM.get(other, {room}):
        return f"only {_listed(_ONLY_FROM[other])} may import {other}"
    if (room, other) == ("gateway", "session") and not _is_session_door(found):
        return (
            f"the gateway knows the session as session.token and TokenSource only, found {found.module} {found.names}"
        )
    return ""


def _is_session_door(found: Import) -> bool:
    if found.module not in _SESSION_DOORS:
        return False
    allowed = _SESSION_DOORS[found.module]
    return allowed is None or (bool(found.names) and set(found.names) <= allowed)


def _listed(rooms: set[str]) -> str:
    return ", ".join(sorted(rooms))


def ours(source: str) -> set[str]:
    """Return the paths of the modules of ours that `source` may mean by its imports, whether they exist or not."""
    found = set()
    for one in imports(source):
        if one.room:
            path = one.module.replace(".", "/")
            found |= {f"{path}.py", *(f"{path}/{name}.py" for name in one.names)}
    return found


def impurities(path: str, source: str) -> list[str]:
    """Return the imports that a pure module must not have: time, chance, files and the event loop come in as values."""
    return [
        f"{path}:{found.line}: a pure module must not import {found.module}"
        for found in imports(source)
        if found.module.split(".")[0] in IMPURE
    ]
