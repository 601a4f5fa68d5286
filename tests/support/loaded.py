"""What a running sidecar has loaded, when, and on whose word: code of ours in the process, which Python starts."""

from __future__ import annotations

import json
import signal
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from calling import until
from staging import ANYWHERE, CODE, SidecarProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from staging import Stage

# Python imports a module of this name by itself, at the start. The audit events are those of PEP 578.
_SITECUSTOMIZE: Final = """
import json, os, signal, sys

loaded, marks, bound = {}, {}, 0

def importer():
    frame = sys._getframe()
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if not name.startswith(("importlib", "sitecustomize", "_frozen_importlib")):
            return name
        frame = frame.f_back
    return ""

def note(event, arguments):
    global bound
    if event == "import":
        loaded.setdefault(arguments[0], importer())
    elif event == "socket.bind":
        bound += 1
        if bound == 2:
            mark("listening")

def mark(name):
    marks[name] = {module: loaded.get(module, "") for module in list(sys.modules)}

def report(*_):
    mark("served")
    with open(os.environ["LOADED"] + ".part", "w") as file:
        json.dump(marks, file)
    os.replace(os.environ["LOADED"] + ".part", os.environ["LOADED"])

sys.addaudithook(note)
signal.signal(signal.SIGUSR1, report)
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The modules that were loaded at one moment, each with the module that asked for it first (the start-up: "")."""

    by: Mapping[str, str]

    def foreign(self) -> Counter[str]:
        """Return how many modules of each package are loaded that is neither ours nor Python's."""
        return Counter(_top(name) for name, by in self.by.items() if by and _is_foreign(_top(name)))

    def askers(self, package: str) -> list[str]:
        """Return who outside of a package asked for which of its modules, in words."""
        return [f"{name} (for {by})" for name, by in self.by.items() if _top(name) == package and _top(by) != package]

    def ours(self) -> set[str]:
        """Return our own modules."""
        return {name for name in self.by if _top(name) == "sidecar"}


def _top(module: str) -> str:
    return module.partition(".")[0]


def _is_foreign(top: str) -> bool:
    python = top in sys.stdlib_module_names or top.startswith("_sysconfigdata")
    return not python and top not in {"sidecar", "sitecustomize"}


def loaded(stage: Stage, arguments: list[str], then: Callable[[SidecarProcess], object]) -> dict[str, Loaded]:
    """Run a sidecar, do `then` with its process once it listens; return what it had loaded at each mark.

    The marks are "listening", when the second of its sockets is bound, and "served", after `then`.
    """
    folder = stage.finhub.folder / "watcher"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_SITECUSTOMIZE)
    found = folder / "loaded.json"
    environ = {**ANYWHERE, "PYTHONPATH": f"{folder}:{CODE}", "LOADED": str(found)}
    process = SidecarProcess(arguments, environ, stage.finhub.folder, len(stage.processes) + 1)
    stage.processes.append(process)
    process.start().listening()
    then(process)
    process.process.send_signal(signal.SIGUSR1)
    until(found.exists, "the process tells what it has loaded")
    return {mark: Loaded(by) for mark, by in json.loads(found.read_text()).items()}
