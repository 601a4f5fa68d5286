"""A pod on this machine: programs that share a loopback and an address of their own, and no other network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from calling import PATIENCE, until
from staging import CODE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ADDRESS: Final = "10.244.1.7"
"""The pod's, on its loopback device: to a program it is as any that is not loopback."""

_PATH: Final = os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/sbin"
_INSIDE: Final = f"PATH={_PATH}; ip link set lo up && ip address add {ADDRESS}/32 dev lo && echo up && exec cat"
_MAKE: Final = ["unshare", "--map-root-user", "--net", "sh", "-c", _INSIDE]


def missing() -> str:
    """Return why there can be no pod on this machine, "" where there can."""
    programs = [name for name in ("unshare", "nsenter", "ip", "curl") if shutil.which(name, path=_PATH) is None]
    if programs:
        return f"{', '.join(programs)} missing (Debian: util-linux, iproute2, curl)"
    made = subprocess.run(_MAKE, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=20)
    return "" if made.stdout == b"up\n" else f"no network of its own can be made: {made.stderr.decode().strip()}"


@dataclass(slots=True)
class Pod:
    """What runs in it. All of it ends with the block."""

    folder: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _holder: subprocess.Popen[bytes] = field(init=False)

    def __enter__(self) -> Self:
        self._holder = subprocess.Popen(_MAKE, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"up\n"
        return self

    def __exit__(self, *_: object) -> None:
        for process in (*self.running, self._holder):
            process.kill()
            process.wait(PATIENCE)
        for pipe in (self._holder.stdin, self._holder.stdout):
            if pipe is not None:
                pipe.close()

    def command(self, *words: str) -> list[str]:
        """Return what runs `words` in the pod."""
        return ["nsenter", f"--target={self._holder.pid}", "--user", "--net", "--preserve-credentials", "--", *words]

    def start(self, *arguments: str, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start the program with these arguments; what it writes is in `said`."""
        with (self.folder / f"said-{len(self.running)}").open("wb") as said:
            process = subprocess.Popen(
                self.command(sys.executable, "-m", "sidecar", *arguments),
                env={"PYTHONPATH": CODE, "PATH": _PATH, **environ},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        self.running.append(process)
        return process

    def curl(self, *arguments: str) -> tuple[int, int, str]:
        """Return curl's exit code, the status (0: none) and the body."""
        words = ["curl", "-q", "-sS", "--max-time", "20", "-w", "\n%{http_code}", *arguments]
        done = subprocess.run(self.command(*words), capture_output=True, text=True, check=False, timeout=PATIENCE)
        body, _, status = done.stdout.rpartition("\n")
        return done.returncode, int(status or 0), body

    def status(self, *arguments: str) -> int:
        """Return the status of what curl got, 0 where it got none."""
        return self.curl(*arguments)[1]

    def until_status(self, wanted: int, *arguments: str) -> None:
        """Return once curl gets this status."""
        try:
            until(lambda: self.status(*arguments) == wanted, f"{wanted} from {arguments[-1]}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said()}") from None

    def said(self) -> str:
        """Return what the programs have written."""
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("said-*")))
