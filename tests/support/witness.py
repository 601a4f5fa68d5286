"""A command for `exec`: it writes down all that it finds in itself, and what it can see of its parent."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

# Standard library only; the signals it counts are those that it is told to wait for.
_PROGRAM: Final = """
import json, os, resource, signal, sys, time

def read(path):
    try:
        with open(path, "rb") as file:
            return file.read().decode(errors="replace")
    except OSError as error:
        return error.strerror

mask = os.umask(0)
os.umask(mask)
names = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGPIPE")
status = dict(line.split(":", 1) for line in read("/proc/self/status").splitlines())
found = {
    "environ": dict(os.environ),
    "start_environ": read("/proc/self/environ"),
    "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1],
    "umask": mask,
    "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    "blocked": int(status["SigBlk"], 16),
    "ignored": [name for name in names if int(status["SigIgn"], 16) >> (getattr(signal, name) - 1) & 1],
    "parent_environ": read(f"/proc/{os.getppid()}/environ"),
    "parent_memory": read(f"/proc/{os.getppid()}/mem"),
    "parent_files": read(f"/proc/{os.getppid()}/fd/3"),
    "command_line_of_parent": read(f"/proc/{os.getppid()}/cmdline"),
}
file, until, code, stays = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
heard = []
for name in ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2") if until else ():
    signal.signal(getattr(signal, name), lambda number, _: heard.append(signal.Signals(number).name))

def tell():
    with open(file + ".part", "w") as out:
        json.dump({**found, "heard": heard}, out)
    os.replace(file + ".part", file)

tell()
while until and until not in heard:
    time.sleep(0.01)
    tell()
if until:
    end = time.monotonic() + stays
    while time.monotonic() < end and not os.path.exists(file + ".go"):
        time.sleep(0.01)
    tell()
sys.exit(code)
"""


class Witness:
    """The command, and what it has written down.

    With `until` it stays until it hears that signal, and `stays` seconds more, or until `release`; then it ends.
    """

    def __init__(self, file: Path, *, until: str = "", code: int = 0, stays: float = 0.2) -> None:
        self._file = file
        self.command = [sys.executable, "-I", "-S", "-c", _PROGRAM, str(file), until, str(code), str(stays)]

    def release(self) -> None:
        """Let it end."""
        self._file.with_name(self._file.name + ".go").touch()

    @property
    def is_there(self) -> bool:
        """Whether it was ever started."""
        return self._file.exists()

    def saw(self) -> dict[str, Any]:
        """Return what it has written down so far."""
        seen: dict[str, Any] = json.loads(self._file.read_text())
        return seen

    def heard(self) -> list[str]:
        """Return the signals that came, in their order."""
        return list(self.saw()["heard"]) if self.is_there else []
