"""A crash reporter as operators install them: code of somebody else's in the process, which looks around at the end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from staging import ANYWHERE, CODE, SidecarProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staging import Stage

# Python imports a module of this name by itself, at the start.
_SITECUSTOMIZE: Final = """
import atexit, json, os, resource

@atexit.register
def report():
    seen = {"environ": dict(os.environ), "core": resource.getrlimit(resource.RLIMIT_CORE)}
    with open(os.environ["REPORT"], "w") as file:
        json.dump(seen, file)
"""


class Insider:
    """One process with a reporter in it. `settings` are its environment variables, by their whole names."""

    def __init__(self, stage: Stage, arguments: list[str], settings: Mapping[str, str]) -> None:
        folder = stage.finhub.folder / "reporter"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(_SITECUSTOMIZE)
        self._report = folder / "report.json"
        environ = {**ANYWHERE, "PYTHONPATH": f"{folder}:{CODE}", "REPORT": str(self._report), **settings}
        self.process = SidecarProcess(arguments, environ, stage.finhub.folder, len(stage.processes) + 1)
        stage.processes.append(self.process)
        self.process.start()

    def report(self) -> dict[str, Any]:
        """Return what the reporter saw; the process must have ended by itself."""
        seen: dict[str, Any] = json.loads(self._report.read_text())
        return seen
